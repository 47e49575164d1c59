"""From a network to the model file: ONNX, TensorFlow Lite, int8."""
