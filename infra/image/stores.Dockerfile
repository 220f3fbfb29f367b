# Stand-ins for the stores' images of compose.yaml, where those cannot be pulled (infra/image/try): the
# stores of `make up` and of Debian, called and kept as the real ones call and keep them. For trying
# our own images only.
ARG DEBIAN=localhost/ticketing-base/debian
ARG NODE=localhost/ticketing-base/node

FROM ${NODE} AS mongo
RUN apt-get update && apt-get install -y --no-install-recommends libcurl4t64 libssl3t64 liblzma5 && \
    rm -rf /var/lib/apt/lists/* && install -d -o 999 -g 999 /data /data/db && \
    npm install --global mongosh@2.12.0
COPY mongod /usr/local/bin/

FROM ${DEBIAN} AS nats
COPY nats-server /usr/local/bin/
ENTRYPOINT ["nats-server"]

FROM ${DEBIAN} AS redis
RUN apt-get update && apt-get install -y --no-install-recommends redis-server && \
    rm -rf /var/lib/apt/lists/* && install -d -o 999 -g 999 /data && chmod 755 /etc/redis
