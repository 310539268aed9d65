"""Benchmark networks written as ONNX with NumPy and onnx alone; bench/make_models.py is the way in.

SPDX-License-Identifier: Apache-2.0
"""
