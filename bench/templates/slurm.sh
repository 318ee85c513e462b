#!/bin/bash
# The study {{ study }} on a SLURM cluster: sbatch THIS_FILE. Giving it again goes on where it stopped.
# Look at the lines that are marked with "set:", the rest stays as it is.
#SBATCH --job-name=bench-{{ study }}
#SBATCH --nodes=2                    # set: as many as you like
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16           # set: processors of a node
#SBATCH --gpus-per-node=0            # set: GPUs of a node; 0: trials run on processors
#SBATCH --time=12:00:00              # set
#SBATCH --signal=B:USR1@600          # ten minutes before the end no trial is begun any more
#SBATCH --output=bench-%x-%j.log
set -euo pipefail

source "$HOME/bench/.venv/bin/activate"               # set: an environment that every node sees
export BENCH_DATA="${BENCH_DATA:-$HOME/bench/data}"          # set: a folder that every node sees
export BENCH_RESULTS="${BENCH_RESULTS:-$HOME/bench/results}" # set: shared too, else records are sent to the first node
patience=300                         # set: seconds that the Ray head may take to begin
export RAY_USAGE_STATS_ENABLED=0
export RAY_AUTH_MODE=token           # whoever reaches a Ray cluster without a token runs code on it
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
    echo "no Ray head at $ip:$port: $1; the study was not begun" >&2
    kill $(jobs -p) 2> /dev/null || true
    exit 1
}
until timeout 60 ray status --address "$ip:$port" > /dev/null 2>&1; do
    kill -0 "$ray" 2> /dev/null || give_up "it ended as it began, its words are above"
    ((SECONDS < patience)) || give_up "it did not answer within $patience seconds"
    sleep 2
done
# set: a search of parameters instead of a run: bench tune --study {{ study }} --launcher ray --address "$ip:$port" &
bench run --study {{ study }} --launcher ray --address "$ip:$port" &
bench=$!
trap 'asked=1; kill -INT "$bench" 2> /dev/null || true' USR1 # trials in flight are finished, and the next job goes on
asked=1
while ((asked)); do                  # a signal ends the wait, and not the study
    asked=0
    status=0
    wait "$bench" || status=$?
done
kill $(jobs -p) 2> /dev/null || true
exit "$status"
