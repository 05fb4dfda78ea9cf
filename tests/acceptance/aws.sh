#!/bin/sh
# Everything about AWS that can be tested without it: the template, S3 as a storage against moto, and the functions as
# cargo-lambda builds them, under AWS's emulator, a Runtime API of ours and MiniStack.
#
#   tests/acceptance/aws.sh [STEP...]       steps: template build sam storage host events rie watch ministack (all by
#                                           default), start
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
    $sam/python $here/lambda_template.py
}

step_build() {
    PATH=$sam:$PATH $here/build_functions.sh
    # Two functions that only the tests need, built in the same way.
    PATH=$sam:$PATH cargo lambda build --release --locked -p aws --features lambda --example panics --example bare
}

# One function as SAM builds it, for this machine: it has to take the parameter, and find the workspace and its artifact.
step_sam() {
    rm -rf $work/sam-build
    PATH=$sam:$PATH SAM_CLI_TELEMETRY=0 $sam/sam build DownloadFunction --region us-east-1 \
        --parameter-overrides Architecture=x86_64 --build-dir $work/sam-build >$work/sam.log 2>&1 || {
        cat $work/sam.log
        return 1
    }
    # Byte 18 of an ELF file is its machine: 62 is x86-64.
    [ "$(od -An -tu1 -j18 -N1 $work/sam-build/DownloadFunction/bootstrap | tr -d ' ')" = 62 ]
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
        cargo test --locked --workspace --test s3 --test events -- --include-ignored || result=$?
    kill $moto_process $ministack_process
    trap - EXIT
    return $result
}

# The local host over a bucket, which nothing else builds. It must not bring Lambda along.
step_host() {
    cargo tree --locked -p mogr --features s3 -e normal --prefix none >$work/host-tree.txt
    grep -q '^aws-sdk-s3 ' $work/host-tree.txt
    if grep '^lambda_runtime ' $work/host-tree.txt; then
        echo "a host over S3 links the Lambda runtime" >&2
        return 1
    fi
    cargo clippy --locked --quiet -p mogr --features s3 --all-targets -- -D warnings
    moto=$(free_port)
    $s3/moto_server -H 127.0.0.1 -p "$moto" >$work/moto-host.log 2>&1 &
    moto_process=$!
    trap 'kill $moto_process 2>/dev/null || true' EXIT
    listens "$moto"
    result=0
    MOGR_TEST_S3=http://127.0.0.1:$moto cargo test --locked --quiet -p mogr --features s3 -- --include-ignored || result=$?
    kill $moto_process
    trap - EXIT
    return $result
}

# The local host answers as the functions do.
MOGR=${MOGR:-$PWD/target/release/mogr}
export MOGR
local_host() { [ -x "$MOGR" ] || cargo build --release --locked --quiet; }

# Events by `cargo lambda invoke`, as the README has it, to functions that `cargo lambda watch` builds for debugging.
step_watch() {
    # One by one, as `cargo run` will: together they might be built with other features.
    for function in download process upload; do cargo build --locked --quiet -p $function; done
    PATH=$sam:$PATH $s3/python $here/lambda_watch.py "$s3" $work/watch.log
}

step_events() { local_host; $s3/python $here/lambda_events.py "$target" "$s3" $work/events.log; }

step_rie() {
    rie=$(ls "$PWD"/$work/sam/lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64)
    $s3/python $here/lambda_rie.py "$target" "$s3" "$rie" $work/rie.log
}

step_ministack() { $s3/python $here/ministack_end_to_end.py "$target" "$s3" $work/ministack.log; }

step_start() { $s3/python $here/measure_start.py "$target" "$s3"; }

# `start` measures, and is never part of a test.
[ $# -gt 0 ] || set -- template build sam storage host events rie watch ministack
for step; do
    begun=$(date +%s)
    echo "--- aws: $step"
    "step_$step"
    echo "--- aws: $step took $(($(date +%s) - begun)) s"
done
