#!/bin/sh
# Makes the weights of ACS-WFC-fast anew in a directory. An hour of one core.
# The same kind of processor and the same PyTorch give the same file, byte for byte.
set -e
tools=$(cd "$(dirname "$0")" && pwd)
cd "${1:?give a directory}"
export PYTHONPATH="$tools/..${PYTHONPATH:+:$PYTHONPATH}"
step="${PYTHON:-python} -m acs_deepcr_step"
$step patches --simulate 480 --seed 4 --sharp 0.35 --output patches
$step train patches --output ACS-WFC-fast.safetensors --teacher ACS-WFC --device cpu --threads 1 \
    --levels 3 --epochs 9 --frozen-from 8 --source-weight 2.5 --no-calibration --no-tensorboard
