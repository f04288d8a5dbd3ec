# Two stages: the first installs, builds the default network and compiles the kernels; the second
# holds the result and nothing that could build another.
ARG PYTHON=3.12-slim

FROM python:${PYTHON} AS base
# The wheel of osmium takes this library from the system, and the slim image has none.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libexpat1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home hasu

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/hasu
ENV PATH=/opt/hasu/bin:$PATH
WORKDIR /src
# Dependencies first: this layer is reused until the lock changes.
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY routing_service routing_service
COPY graphs/south_yorkshire graphs/south_yorkshire
RUN pip install --no-deps --no-build-isolation .
WORKDIR /opt/hasu
RUN mkdir graphs cache audit && chown hasu graphs cache audit
# Not as root, and in the place where they are used: the cache is found by path.
USER hasu
ENV HASU_GRAPH=/opt/hasu/graphs/south_yorkshire.graph NUMBA_CACHE_DIR=/opt/hasu/cache
RUN hasu build --out "$HASU_GRAPH" && hasu verify && hasu warm && python -c "import osmium, osmnx"

FROM base
LABEL org.opencontainers.image.title="Stroke pathway conveyance routing" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build --chown=root:root /opt/hasu /opt/hasu
# Writable: on another kind of processor the kernels are compiled anew when the service starts.
COPY --from=build --chown=hasu /opt/hasu/cache /opt/hasu/cache
COPY --from=build --chown=hasu /opt/hasu/audit /opt/hasu/audit
ENV PATH=/opt/hasu/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/opt/hasu/cache \
    HASU_GRAPH=/opt/hasu/graphs/south_yorkshire.graph \
    HASU_HOST=0.0.0.0
WORKDIR /opt/hasu
USER hasu
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ.get('HASU_PORT', '8000') + '/healthz', timeout=2)"]
CMD ["hasu", "serve"]
