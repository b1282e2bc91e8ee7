"""This file is where the first start makes the demo account and puts the demo data in."""

from supabase import create_client
from supabase_auth.errors import AuthApiError

from local.demo import seed
from local.home import Home
from pipeline.settings import Settings


def first_start(home: Home, settings: Settings, sandbox_url: str) -> None:
    """Remembers when it is through, so that one that was interrupted is done again."""
    secrets = home.secrets()
    _make_demo_user(settings, secrets["demo_email"], secrets["demo_password"])
    # The demo contacts do not exist, so nothing may be sent to them in earnest.
    if settings.send_mode == "sandbox":
        seed(
            url=settings.supabase_url,
            secret_key=settings.supabase_secret_key,
            token_encryption_key=settings.token_encryption_key,
            demo_email=secrets["demo_email"],
            demo_password=secrets["demo_password"],
            sandbox_url=sandbox_url,
        )
    home.mark_seeded()


def _make_demo_user(settings: Settings, email: str, password: str) -> None:
    client = create_client(settings.supabase_url, settings.supabase_secret_key)
    try:
        client.auth.admin.create_user({"email": email, "password": password, "email_confirm": True})
    except AuthApiError as error:
        if error.code not in ("email_exists", "user_already_exists"):
            raise
