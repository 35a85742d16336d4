"""An application for the tests of its routes, and the form that clients send."""

import io
from collections.abc import Sequence
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
