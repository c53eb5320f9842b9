#!/bin/bash
# A study on SLURM: an array of jobs simulates a part each, one more joins them.
#
#     sbatch slurm_array.sh own_study.py results [--quick --set key=value ...]
#
# The first line of options is yours to change: --array=1-K makes K parts, whatever K is. Options of your queues
# (--partition, --account, --mem) go below it, and what makes `widelearn` known, `module load` or `source`, below them.
# A job that reaches its time limit is told 60 s before: what it simulated is kept, and the same line goes on with it.
#SBATCH --array=1-4
#SBATCH --cpus-per-task=1
#SBATCH --time=01:00:00
#SBATCH --signal=B:TERM@60
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: sbatch slurm_array.sh STUDY DIR [OPTION...]" >&2; exit 2; }
study=$1 results=$2
shift 2

if [ "${MERGE:-no}" = yes ]; then
    own=()
    [[ $study != *.py ]] || own=(--study "$study")
    exec widelearn merge "$results"/shard-* "${own[@]}" --out "$results/whole"
fi

part=$SLURM_ARRAY_TASK_ID parts=$SLURM_ARRAY_TASK_COUNT
if [ "$part" -eq "$SLURM_ARRAY_TASK_MIN" ]; then
    # Waits until every part has ended well.
    MERGE=yes sbatch --array=1-1 --dependency="afterok:$SLURM_ARRAY_JOB_ID" --export=ALL "$0" "$study" "$results"
fi
mkdir -p "$results"
exec widelearn run "$study" --shard "$part/$parts" --threads "${SLURM_CPUS_PER_TASK:-1}" \
    --out "$results/shard-$part" --resume --quiet "$@"
