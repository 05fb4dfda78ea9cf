#!/bin/sh
# Everything about AWS that can be tested without it: the template, S3 as a storage against moto, and the functions as
# cargo-lambda builds them, under AWS's emulator, a Runtime API of ours and MiniStack.
#
#   tests/acceptance/aws.sh [STEP...]       steps: template build storage events rie ministack (all by default), start
#
# What it needs comes from PyPI into .acceptance/, which is not committed. No Docker, no account, no network after that.
set -eu
cd "$(dirname "$0")/../.."
here=tests/acceptance
work=.acceptance
mkdir -p $work

environment() {
    name=$1 requirements=$2
    if ! cmp -s $requirements $work/$name/requirements.txt; then
        rm -rf ${work:?}/$name
        python3 -m venv $work/$name
        $work/$name/bin/pip install --quiet --disable-pip-version-check -r $requirements
        cp $requirements $work/$name/requirements.txt
    fi
}
environment sam $here/requirements-sam.txt
environment s3 $here/requirements-s3.txt
sam=$PWD/$work/sam/bin
s3=$PWD/$work/s3/bin
target=$PWD/target/lambda
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE

step_template() {
    $sam/cfn-lint -r us-east-1 -t template.yaml
    PATH=$sam:$PATH SAM_CLI_TELEMETRY=0 $sam/sam validate --lint --region us-east-1
    $sam/python $here/lambda_cloudfront.py
}

step_build() {
    PATH=$sam:$PATH $here/build_functions.sh
    # Two functions that only the tests need, built in the same way.
    PATH=$sam:$PATH cargo lambda build --release --locked -p aws --features lambda --example panics --example bare
}

free_port() { $s3/python -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

listens() {
    tries=0
    until $s3/python -c "import socket; socket.create_connection(('127.0.0.1', $1), 1)" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || { echo "nothing listens on $1" >&2; exit 1; }
        sleep 0.2
    done
}

step_storage() {
    moto=$(free_port)
    $s3/moto_server -H 127.0.0.1 -p "$moto" >$work/moto.log 2>&1 &
    moto_process=$!
    ministack=$(free_port)
    mkdir -p $work/tmp
    BIND_HOST=127.0.0.1 GATEWAY_PORT=$ministack TMPDIR=$PWD/$work/tmp $s3/ministack >$work/ministack-s3.log 2>&1 &
    ministack_process=$!
    trap 'kill $moto_process $ministack_process 2>/dev/null || true' EXIT
    listens "$moto"
    listens "$ministack"
    result=0
    # With the features of a test of the whole workspace, so that what that built serves here.
    MOGR_TEST_S3=http://127.0.0.1:$moto MOGR_TEST_MINISTACK=http://127.0.0.1:$ministack \
        cargo test --locked --workspace --features aws/conformance --test s3 --test events || result=$?
    kill $moto_process $ministack_process
    trap - EXIT
    return $result
}

step_events() { $s3/python $here/lambda_events.py "$target" "$s3" $work/events.log; }

step_rie() {
    rie=$(ls "$PWD"/$work/sam/lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64)
    $s3/python $here/lambda_rie.py "$target" "$s3" "$rie" $work/rie.log
}

step_ministack() { $s3/python $here/ministack_end_to_end.py "$target" "$s3" $work/ministack.log; }

step_start() { $s3/python $here/measure_start.py "$target" "$s3"; }

# `start` measures, and is never part of a test.
[ $# -gt 0 ] || set -- template build storage events rie ministack
for step; do
    begun=$(date +%s)
    echo "--- aws: $step"
    "step_$step"
    echo "--- aws: $step took $(($(date +%s) - begun)) s"
done
