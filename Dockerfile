# A static binary on an empty image. Build: docker build -t manyi .
# Behind a module mirror: docker build --build-arg GOPROXY=… -t manyi .
FROM golang:1.26 AS build
ARG GOPROXY
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /manyi ./server && mkdir /data /passing

FROM scratch
COPY --from=build /manyi /manyi
COPY --from=build --chown=65532:65532 --chmod=700 /data /data
# Data sets on their way out and bundles on their way in lie here meanwhile.
COPY --from=build --chown=65532:65532 --chmod=700 /passing /tmp
USER 65532:65532
ENV MANYI_DATA=/data MANYI_ADDR=:8080
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/manyi"]
CMD ["serve"]
