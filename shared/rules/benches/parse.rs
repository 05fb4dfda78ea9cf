//! A rule of about 100 bytes, read and written: every request pays for it.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rules::{Rule, split_query};

const RULE: &str = "imageMogr2/auto-orient/thumbnail/!640x480r/gravity/Center/crop/640x480/quality/80/interlace/1/format/jpg";

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rule");
    group.throughput(Throughput::Bytes(RULE.len() as u64));
    group.bench_function("parse", |bench| {
        bench.iter(|| Rule::parse_unbuilt(black_box(RULE)).expect("a rule"));
    });
    let rule = Rule::parse_unbuilt(RULE).expect("a rule");
    group.bench_function("print", |bench| bench.iter(|| black_box(&rule).to_string()));
    group.bench_function("split_query", |bench| {
        bench.iter(|| split_query(black_box(RULE)).expect("a query"));
    });
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
