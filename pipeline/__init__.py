"""Everything that would exist without a screen: the stages, the worker and its adapters."""
