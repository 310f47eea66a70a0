"""What a WSGI server loads: `gunicorn wsgi:app`."""

import os

from crm.app import create_app
from crm.settings import Settings

app = create_app(Settings.from_env(os.environ))
