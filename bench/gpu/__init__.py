"""Benchmarks on a GPU. SPDX-License-Identifier: Apache-2.0"""
