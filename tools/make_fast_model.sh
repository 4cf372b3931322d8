#!/bin/sh
# Makes the weights of ACS-WFC-fast anew in a directory, in two rounds. An hour and a half of one core.
# The same kind of processor and the same PyTorch give the same file, byte for byte.
set -e
tools=$(cd "$(dirname "$0")" && pwd)
cd "${1:?give a directory}"
export PYTHONPATH="$tools/..${PYTHONPATH:+:$PYTHONPATH}"
step="${PYTHON:-python} -m acs_deepcr_step"
train="--teacher ACS-WFC --device cpu --threads 1 --no-calibration --no-tensorboard"
$step patches --simulate 480 --seed 4 --sharp 0.35 --output first_patches
$step train first_patches --output first.safetensors $train \
    --levels 3 --epochs 9 --frozen-from 8 --source-weight 2.5
$step patches --simulate 240 --seed 5 --sharp 0.25 --output patches
$step train patches --output ACS-WFC-fast.safetensors $train \
    --start first.safetensors --levels 3 --epochs 4 --frozen-from 0 --lr 0.0015 --source-weight 3.5
