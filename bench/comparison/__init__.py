"""What bench/peers.py is made of: inputs, rivals, figures, tables.

SPDX-License-Identifier: Apache-2.0
"""
