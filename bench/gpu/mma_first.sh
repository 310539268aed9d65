export REKINDLE_KERNELS=/tmp/w/kernels
(python3 bench/make_models.py /tmp/w/models resnet50 mobilenet_v2 bert_base > /tmp/w/make.log 2>&1; cp /tmp/w/base/models/*.onnx /tmp/w/models/ 2>/dev/null; for m in resnet50 mobilenet_v2 bert_base ppocr4_det centerface; do python3 bench/gpu/agreement.py /tmp/w/models/$m.onnx --target cuda --precision fp16 > /tmp/w/agree_$m.log 2>&1 & done; wait) &
timeout 60 python3 bench/gpu/mma.py check 50 > /tmp/w/check.log 2>&1
grep -v '"us"' /tmp/w/check.log | head -60; grep '"us"' /tmp/w/check.log
wait; cat /tmp/w/agree_*.log; tail -3 /tmp/w/make.log
