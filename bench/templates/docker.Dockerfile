# dclse-bench {{ bench }} in a container. In a copy of the repository, with this text in a file named Dockerfile:
#   docker build --tag dclse-bench .
#   docker run --rm --user "$(id -u):$(id -g)" --shm-size 4g --volume /scans:/scans:ro --volume "$PWD/data:/data" \
#     --volume "$PWD/results:/results" dclse-bench prepare ad_oasis --from /scans
# and the same with "run --study {{ study }}" in place of "prepare ...". For a GPU add: --gpus all
# Ray shares memory between processes in /dev/shm: --shm-size is what it may use. Change the lines marked with "set:".
ARG BASE=python:{{ python }}-slim
FROM ${BASE}

WORKDIR /opt/dclse-bench
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY bench bench
COPY baselines baselines
COPY dclse dclse
COPY studies studies
# set: an index of PyTorch without CUDA makes the image several GB smaller, for instance PIP_EXTRA_INDEX_URL=...
RUN python3 -m pip install --no-cache-dir --constraint constraints.txt .

# Any user may run it: data, results, plug-ins and all caches are in folders that everybody can write.
ENV BENCH_DATA=/data BENCH_RESULTS=/results BENCH_PLUGINS=/plugins HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib
RUN mkdir --parents /data /results /plugins && chmod 1777 /data /results /plugins
WORKDIR /results
USER 1000:1000
ENTRYPOINT ["bench"]
CMD ["run", "--study", "{{ study }}"]
