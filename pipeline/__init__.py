"""Everything that would exist without a screen: stages, rules of the road, the worker and its adapters."""
