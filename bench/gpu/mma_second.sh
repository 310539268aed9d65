export REKINDLE_KERNELS=/tmp/w/kernels
(python3 bench/make_models.py /tmp/w/models resnet50 mobilenet_v2 bert_base > /tmp/w/make.log 2>&1; cp /tmp/w/base/models/*.onnx /tmp/w/models/ 2>/dev/null) &
timeout 45 python3 bench/gpu/mma.py check 40 > /tmp/w/check.log 2>&1
timeout 25 python3 bench/gpu/attention.py > /tmp/w/attention.log 2>&1
grep -v '"us"' /tmp/w/check.log | tail -30 | cut -c1-600; grep '"us"' /tmp/w/check.log | sed 's/"problem": "4096x4096x4096", //; s/"splits": 1, //'
tail -40 /tmp/w/attention.log | cut -c1-300
wait
for m in resnet50 bert_base ppocr4_det; do python3 bench/gpu/agreement.py /tmp/w/models/$m.onnx --target cuda --precision fp16 > /tmp/w/agree_$m.log 2>&1 & done
for t in 61 70 75; do python3 bench/gpu/agreement.py /tmp/w/models/resnet50.onnx --target cuda:sm_$t:ptx --precision fp16 > /tmp/w/agree_$t.log 2>&1 & done
sleep 1; timeout 70 python3 bench/gpu/mma.py 1 60 > /tmp/w/sweep.log 2>&1; cp /tmp/w/sweep.log $OUT/; cp /tmp/w/check.log /tmp/w/attention.log $OUT/
wait; cat /tmp/w/agree_*.log; tail -2 /tmp/w/sweep.log
