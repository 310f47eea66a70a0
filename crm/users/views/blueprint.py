"""The one blueprint that the files of this folder put their routes on."""

from flask import Blueprint

bp = Blueprint("users", __name__, url_prefix="/users", template_folder="../templates")
