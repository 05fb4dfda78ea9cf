//! How the encoder rounds: the quantizers of luma and chroma for a quality.

use crate::default_tables;
use crate::huffman::Specification;
use crate::pixels::rate_distortion::{Quantizer, Rate};
use crate::quality::tables;
use crate::zigzag::ZIGZAG;

/// What is added to AC coefficients of luma and chroma before rounding down, at frequency 1 and from 8 on. Above one
/// half at first: what is rounded up too much is looked at again by what it costs, and what stays keeps texture alive.
const ROUNDING: [[f32; 2]; 2] = [[0.64, 0.48], [0.71, 0.71]];

/// What a bit is worth in luma and chroma, in squared quantization steps. A larger number leaves out more coefficients:
/// fewer bytes, less detail.
const LAMBDA: [f32; 2] = [0.038, 0.049];

/// Bits that ending a block takes; less than in a sequential file, as many blocks end in one code.
const END_OF_BLOCK: f32 = 4.0;

/// Bits that AC coefficients take in a sequential file with the Huffman table `typical`.
fn rate(typical: &Specification) -> Rate {
    let mut rate = [[0.0; 16]; 11];
    let mut symbols = typical.symbols.iter();
    for (len, &count) in (1u8..).zip(&typical.counts) {
        for &symbol in symbols.by_ref().take(usize::from(count)) {
            let (run, category) = (symbol >> 4, symbol & 15);
            rate[usize::from(category)][usize::from(run)] = f32::from(len + category);
        }
    }
    rate
}

/// The quantizers of luma and chroma for a quality. At 100 nothing is left out: as exact as steps of 1 allow.
pub(crate) fn quantizers(quality: u8) -> [Quantizer; 2] {
    let tables = tables(quality);
    let [_, (_, _, luma), _, (_, _, chroma)] = default_tables::all();
    let typical = [luma, chroma];
    std::array::from_fn(|i| {
        let ([low, high], lambda) = match quality {
            100 => ([0.5; 2], 0.0),
            _ => (ROUNDING[i], LAMBDA[i]),
        };
        let rounding = ZIGZAG.map(|at| {
            let (v, u) = (f32::from(at / 8), f32::from(at % 8));
            let frequency = (u * u + v * v).sqrt();
            match at {
                0 => 0.5,
                _ => low + (high - low) * ((frequency - 1.0) / 7.0).min(1.0),
            }
        });
        let rate = rate(&typical[i]);
        Quantizer::new(&tables[i], &rounding, lambda, &rate, END_OF_BLOCK)
    })
}
