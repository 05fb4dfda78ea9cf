//! Choosing the colors of one image from its histogram: splits where the variance is greatest, then a few rounds
//! of k-means, all in Oklab. It has never seen a pixel.

use raster::{Kernel, Stopped, Watch};

use crate::color::{self, Lab};
use crate::histogram::Bin;
use crate::nearest::Entries;

/// A bin as the clustering sees it.
#[derive(Clone, Copy)]
struct Point {
    lab: [f32; 3],
    weight: f32,
}

/// A run of points that will be one color, or be split.
#[derive(Clone, Copy)]
struct Cluster {
    start: usize,
    end: usize,
    mean: [f32; 3],
    axis: usize,
    /// The weighted variance along `axis`: what splitting there may gain.
    spread: f32,
}

impl Cluster {
    fn new(points: &[Point], start: usize, end: usize) -> Self {
        // Counted from one of the points: the square of a whole color would drown the variance in rounding.
        let origin = points[start].lab;
        let (mut weight, mut sum, mut squares) = (0.0, [0.0; 3], [0.0; 3]);
        for point in &points[start..end] {
            weight += point.weight;
            for axis in 0..3 {
                let from = point.lab[axis] - origin[axis];
                let value = from * point.weight;
                sum[axis] += value;
                squares[axis] += value * from;
            }
        }
        let mean = sum.map(|sum| sum / weight);
        let spreads: [f32; 3] = std::array::from_fn(|axis| squares[axis] - sum[axis] * mean[axis]);
        let mean = std::array::from_fn(|axis| origin[axis] + mean[axis]);
        let axis = (1..3).fold(0, |best, axis| {
            if spreads[axis] > spreads[best] {
                axis
            } else {
                best
            }
        });
        Self {
            start,
            end,
            mean,
            axis,
            spread: spreads[axis],
        }
    }
}

/// At most `limit` colors (1 to 256) for these bins.
pub(crate) fn choose(
    bins: &[Bin],
    limit: usize,
    rounds: usize,
    kernel: Kernel,
    watch: &dyn Watch,
) -> Result<Vec<[u8; 3]>, Stopped> {
    let mut points: Vec<Point> = bins
        .iter()
        .map(|bin| Point {
            lab: color::from_halves(bin.halves),
            weight: weight(bin.count),
        })
        .collect();
    let mut means = split(&mut points, limit);
    for _ in 0..rounds {
        watch.check()?;
        refine(&points, &mut means, kernel);
    }
    let mut colors: Vec<[u8; 3]> = means.into_iter().map(color::to_rgb).collect();
    colors.sort_unstable();
    colors.dedup();
    Ok(colors)
}

/// `count` to the power of 7/8: large areas matter more, but not all the more for being large. With 5/8, drawings
/// lose 0.6 of SSIMULACRA2, as too many colors go to the edges in them; footage gains 0.2.
fn weight(count: u32) -> f32 {
    let root = (count as f32).sqrt();
    let fourth = root.sqrt();
    root * fourth * fourth.sqrt()
}

/// The means of at most `limit` clusters, split greedily.
fn split(points: &mut [Point], limit: usize) -> Vec<[f32; 3]> {
    let mut clusters = vec![Cluster::new(points, 0, points.len())];
    while clusters.len() < limit {
        let widest = (1..clusters.len()).fold(0, |best, i| {
            if clusters[i].spread > clusters[best].spread {
                i
            } else {
                best
            }
        });
        let Cluster {
            start,
            end,
            mean,
            axis,
            spread,
        } = clusters[widest];
        if spread < 1.0 {
            break;
        }
        // Points below the mean go first.
        let (mut low, mut high) = (start, end);
        while low < high {
            if points[low].lab[axis] < mean[axis] {
                low += 1;
            } else {
                high -= 1;
                points.swap(low, high);
            }
        }
        if low == start || low == end {
            clusters[widest].spread = 0.0;
            continue;
        }
        clusters[widest] = Cluster::new(points, start, low);
        clusters.push(Cluster::new(points, low, end));
    }
    clusters.into_iter().map(|cluster| cluster.mean).collect()
}

/// One round of k-means.
fn refine(points: &[Point], means: &mut [[f32; 3]], kernel: Kernel) {
    let labs: Vec<Lab> = means.iter().map(|&mean| color::round(mean)).collect();
    let entries = Entries::new(&labs, kernel);
    let mut sums = vec![[0.0f32; 4]; means.len()];
    for point in points {
        let sum = &mut sums[(entries.nearest(color::round(point.lab)) & 255) as usize];
        let [l, a, b] = point.lab.map(|value| value * point.weight);
        for (sum, part) in sum.iter_mut().zip([l, a, b, point.weight]) {
            *sum += part;
        }
    }
    for (mean, sum) in means.iter_mut().zip(sums) {
        if sum[3] > 0.0 {
            *mean = [sum[0] / sum[3], sum[1] / sum[3], sum[2] / sum[3]];
        }
    }
}
