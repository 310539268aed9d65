"""Builds an ONNX graph node by node, with seeded weights.

SPDX-License-Identifier: Apache-2.0
"""
import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class GraphBuilder:
    """Methods append to the graph and return names of values."""

    def __init__(self, name, seed):
        self.name = name
        self.rng = np.random.default_rng(seed)
        self.nodes, self.initializers = [], []
        self.inputs, self.outputs = [], []
        self._count = 0

    def unique(self, prefix):
        self._count += 1
        return f"{prefix}_{self._count}"

    def constant(self, array, name=None):
        name = name or self.unique("c")
        self.initializers.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def op(self, op_type, inputs, outputs=1, **attributes):
        """One node; returns the name of its output, or a list of names."""
        names = [self.unique(op_type.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(op_type, inputs, names, name="/" + names[0], **attributes))
        return names[0] if outputs == 1 else names

    def input(self, name, element_type, shape):
        self.inputs.append(helper.make_tensor_value_info(name, element_type, shape))
        return name

    def output(self, value, name, element_type, shape):
        """Makes a value an output of the graph under a new name."""
        for node in self.nodes:
            node.output[:] = [name if x == value else x for x in node.output]
            node.input[:] = [name if x == value else x for x in node.input]
        self.outputs.append(helper.make_tensor_value_info(name, element_type, shape))

    def model(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                                  producer_name="rekindle bench", ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model
