# The base is plain Debian: torch's wheels bring the CUDA libraries that they were built with, and load no others, so
# a CUDA runtime base would hold gigabytes of them twice. The host's driver comes in by the NVIDIA container toolkit.
# Any Debian or Ubuntu with Python 3.11–3.13 will do, for example --build-arg BASE=nvidia/cuda:13.0.2-base-ubuntu24.04
# for its package of forward compatibility with older drivers.
ARG BASE=debian:13-slim


FROM ${BASE} AS python
ENV DEBIAN_FRONTEND=noninteractive \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
# hadolint ignore=DL3008 # a distribution's release is the pin: its versions are replaced by fixed ones, and then gone
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*


# What we depend on, by itself, so that nothing is installed again for another line of pyproject.toml.
FROM python AS requirements
WORKDIR /build
COPY pyproject.toml ./
RUN python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
        > requirements.txt


# All that is not ours, torch first and alone.
FROM python AS dependencies
# Another build of torch, as in the Makefile: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH_INDEX=
RUN python3 -m venv /opt/parakeet
ENV PATH=/opt/parakeet/bin:$PATH
WORKDIR /build
COPY constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --upgrade "pip>=25.1" \
    && pip install -c constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch
COPY --from=requirements /build/requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install -c constraints.txt -r requirements.txt


# Our wheel, and nothing else.
FROM python AS wheel
WORKDIR /build
RUN python3 -m venv /opt/builder
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/builder/bin/pip wheel --no-deps --wheel-dir /wheels .


FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates ffmpeg python3 tini \
    && rm -rf /var/lib/apt/lists/* \
    && mkdir -p /app/models \
    && mkdir -m 1777 /data
COPY --from=dependencies /opt/parakeet /opt/parakeet
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    /opt/parakeet/bin/pip install --no-cache-dir --no-deps /wheels/*.whl
COPY --chmod=0755 docker/entrypoint.sh /usr/local/bin/parakeet-entrypoint
COPY --chmod=0644 docker/healthcheck.py /usr/local/lib/parakeet-healthcheck.py

# Everything that is written goes below /data, so that the rest may be read-only. USER is a name for libraries that
# ask for one: the number may be in no passwd.
ENV PATH=/opt/parakeet/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    USER=parakeet \
    TMPDIR=/data/tmp \
    NUMBA_CACHE_DIR=/data/cache/numba \
    PARAKEET_DATA_DIR=/data \
    PARAKEET_MODELS_DIR=/app/models \
    PARAKEET_CACHE_DIR=/data/cache \
    PARAKEET_STATE_DIR=/data/state \
    PARAKEET_SPOOL=/data/spool \
    PARAKEET_HOST=0.0.0.0 \
    PARAKEET_PORT=5092 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

LABEL org.opencontainers.image.title="parakeet-cli" \
      org.opencontainers.image.description="Speech to text and subtitles with NVIDIA Parakeet: an OpenAI-compatible server and a command line" \
      org.opencontainers.image.licenses="MIT AND CC-BY-SA-4.0"

WORKDIR /app
VOLUME /data
EXPOSE 5092
USER 1000:1000
# The first start fetches the model before it listens; a start period ends as soon as the check succeeds.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30m --retries=3 \
    CMD ["python3", "-I", "-S", "/usr/local/lib/parakeet-healthcheck.py"]
# It ends as tini, which is then process 1 as the user that was asked for, and starts parakeet.
ENTRYPOINT ["/usr/local/bin/parakeet-entrypoint"]
CMD ["serve"]
