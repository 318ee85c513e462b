#!/bin/bash
# The study {{ study }} on a SLURM cluster: sbatch THIS_FILE. Submit it again to resume: finished trials are kept.
# Change the lines that are marked with "set:"; the others need no change.
#SBATCH --job-name=bench-{{ study }}
#SBATCH --nodes=2                    # set: as many as you like
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16           # set: processors of a node
#SBATCH --gpus-per-node=0            # set: GPUs of a node; 0: trials run on processors
#SBATCH --time=12:00:00              # set
#SBATCH --signal=B:USR1@600          # no trial starts in the last ten minutes
#SBATCH --output=bench-%x-%j.log
set -euo pipefail

source "$HOME/bench/.venv/bin/activate"               # set: an environment that every node sees
export BENCH_DATA="${BENCH_DATA:-$HOME/bench/data}"          # set: a folder that every node sees
export BENCH_RESULTS="${BENCH_RESULTS:-$HOME/bench/results}" # set: shared too, else records are sent to the first node
patience=300                         # set: seconds within which the Ray head must start
export RAY_USAGE_STATS_ENABLED=0
export RAY_AUTH_MODE=token           # without a token, anybody who reaches the cluster can run code on it
ray get-auth-token --generate > /dev/null

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head="${nodes[0]}"
port=$((20000 + SLURM_JOB_ID % 20000))
ip=$(srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{ print $1 }')
start=(ray start --block --num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="${SLURM_GPUS_ON_NODE:-0}")

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
    "${start[@]}" --head --node-ip-address="$ip" --port="$port" --include-dashboard=false --node-name="$head" &
ray=$!
for node in "${nodes[@]:1}"; do
    srun --overlap --nodes=1 --ntasks=1 --nodelist="$node" \
        bash -c 'until "$@"; do sleep 2; done' wait "${start[@]}" --address="$ip:$port" --node-name="$node" &
done

give_up() {
    echo "no Ray head at $ip:$port: $1; the study was not started" >&2
    kill $(jobs -p) 2> /dev/null || true
    exit 1
}
until timeout 60 ray status --address "$ip:$port" > /dev/null 2>&1; do
    kill -0 "$ray" 2> /dev/null || give_up "it ended at its start; its messages are above"
    ((SECONDS < patience)) || give_up "it did not answer within $patience seconds"
    sleep 2
done
# set: a search of parameters instead of a run: bench tune --study {{ study }} --launcher ray --address "$ip:$port" &
bench run --study {{ study }} --launcher ray --address "$ip:$port" &
bench=$!
trap 'asked=1; kill -INT "$bench" 2> /dev/null || true' USR1 # running trials are finished; the next job runs the others
asked=1
while ((asked)); do                  # a signal ends `wait`, not the study
    asked=0
    status=0
    wait "$bench" || status=$?
done
kill $(jobs -p) 2> /dev/null || true
exit "$status"
