"""What the image's HEALTHCHECK runs: exit 0 if the server answers on /health/live. Needs nothing but Python."""

import os
import sys
from http.client import HTTPConnection, HTTPException

SECONDS = 4


def problem(port: int) -> str | None:
    """Why the server on this port is not alive; None if it is."""
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)  # not urllib, which would ask a proxy
    try:
        connection.request("GET", "/health/live")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"/health/live on port {port} did not answer ({error!r})"
    finally:
        connection.close()
    return None if status == 200 else f"/health/live on port {port} answered {status}"


if __name__ == "__main__":
    sys.exit(problem(int(os.environ.get("PARAKEET_PORT") or 5092)))
