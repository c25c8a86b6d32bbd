# SPDX-License-Identifier: Apache-2.0
"""The parts of tools/lab: cluster.py the machines, faults.py what breaks them, delay.py a slow wire."""
