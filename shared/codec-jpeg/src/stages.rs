//! The stages of transcoder and encoder one by one, for `benches/stages.rs`. Not part of the interface: the
//! feature `stages` has it, which nothing else names.

use raster::{Kernel, Simd, Unwatched};

use crate::bits::write_tokens;
use crate::coefficients::Component;
use crate::error::Error;
use crate::picture::{Color, Picture};
use crate::pixels::fdct::forward;
use crate::pixels::quantization::quantizers;
use crate::pixels::rate_distortion::Quantizer;
use crate::read::read_picture;
use crate::write::code::{Rows, code_scan};
use crate::write::scan::{Scan, standard};
use crate::write::sink::{Counts, Tokens};
use crate::zigzag::ZIGZAG;

/// What each stage works on, made of one JPEG; each stage gives a number that depends on all it did.
pub struct Stages {
    kernel: Kernel,
    source: Vec<u8>,
    picture: Picture,
    /// The first component's blocks as coefficients, and their samples as if all had been quantized by 8.
    blocks: Vec<[i16; 64]>,
    samples: Vec<[[f32; 8]; 8]>,
    transformed: Vec<[[f32; 8]; 8]>,
    quantizer: Quantizer,
    script: Vec<Scan>,
    tokens: Tokens,
}

impl Stages {
    /// The stages on `source`.
    ///
    /// # Errors
    ///
    /// Those of [`transcode`](crate::transcode()).
    pub fn new(source: &[u8], simd: Simd) -> Result<Self, Error> {
        let kernel = Kernel::detect(simd);
        let picture = read_picture(source, kernel)?;
        let first = &picture.components[0];
        let blocks: Vec<[i16; 64]> = (0..first.dc.len()).map(|at| plain(first, at)).collect();
        let samples: Vec<[[f32; 8]; 8]> = blocks.iter().map(inverse).collect();
        let transformed = samples.iter().map(|block| forward(kernel, block)).collect();
        let [quantizer, _] = quantizers(85);
        let mut tokens = Tokens::default();
        let luma_first = picture.color == Color::YCbCr;
        let script = standard(
            picture.components.len(),
            luma_first,
            picture.blocks_in_mcu(),
        );
        let scan = Scan::ac(0, 1, 63, 0, 0);
        code_scan(&picture, &scan, kernel, Rows::ALL, &mut tokens, &Unwatched)?;
        Ok(Self {
            kernel,
            source: source.to_vec(),
            picture,
            blocks,
            samples,
            transformed,
            quantizer,
            script,
            tokens,
        })
    }

    /// Blocks of all components, and of the first.
    pub fn blocks(&self) -> (u64, u64) {
        let all = self.picture.components.iter().map(|c| c.dc.len() as u64);
        (all.sum(), self.blocks.len() as u64)
    }

    /// The source's markers and entropy-coded data to packed coefficients.
    pub fn decode(&self) -> u64 {
        let read = read_picture(&self.source, self.kernel);
        read.map_or(0, |picture| picture.components[0].coefficients())
    }

    /// The first component's coefficients to packed ones.
    pub fn pack(&self) -> u64 {
        let first = &self.picture.components[0];
        let mut packed = Component::new(1, (1, 1), 0, (first.width, first.height));
        for (at, block) in self.blocks.iter().enumerate() {
            packed.set(self.kernel, at, block);
        }
        packed.coefficients()
    }

    /// All scans of the standard script to counted symbols.
    pub fn count(&self) -> u64 {
        let mut counts = Counts::default();
        let all = Rows::ALL;
        for scan in &self.script {
            code_scan(
                &self.picture,
                scan,
                self.kernel,
                all,
                &mut counts,
                &Unwatched,
            )
            .expect("nobody stops it");
        }
        counts.bits
    }

    /// The tokens of a scan of the first component to bytes, by codes of eight bits.
    pub fn emit(&self) -> u64 {
        let mut codes = Box::new([0; 2048]);
        for (symbol, code) in (0..256).zip(codes.iter_mut()) {
            *code = symbol | 8 << 16;
        }
        let mut out = Vec::new();
        write_tokens(self.kernel, self.tokens.tokens(), &codes, &mut out);
        out.len() as u64
    }

    /// The first component's samples to frequencies.
    pub fn transform(&self) -> f32 {
        let blocks = self.samples.iter();
        blocks.map(|block| forward(self.kernel, block)[7][7]).sum()
    }

    /// The first component's frequencies to packed coefficients, at quality 85.
    pub fn quantize(&self) -> u64 {
        let first = &self.picture.components[0];
        let mut packed = Component::new(1, (1, 1), 0, (first.width, first.height));
        for (at, block) in self.transformed.iter().enumerate() {
            let made = self.quantizer.quantize(block, packed.room());
            packed.dc[at] = made.dc;
            packed.keep(self.kernel, at, made.mask);
        }
        packed.coefficients()
    }
}

/// The coefficients of a block, in zigzag order.
fn plain(component: &Component, at: usize) -> [i16; 64] {
    let mut block = [0; 64];
    block[0] = component.dc[at];
    let values = &component.values[component.starts[at] as usize..];
    let positions = (1..64).filter(|k| component.masks[0][at] >> k & 1 == 1);
    for (k, value) in positions.zip(values) {
        block[k] = *value;
    }
    block
}

/// The samples of a block (T.81, A.3.3, as it is written there).
fn inverse(block: &[i16; 64]) -> [[f32; 8]; 8] {
    let mut frequencies = [[0.0; 8]; 8];
    for (&place, &value) in ZIGZAG.iter().zip(block) {
        frequencies[usize::from(place) / 8][usize::from(place) % 8] = f32::from(value) * 8.0;
    }
    let wave = |x: usize, u: usize| {
        let norm = if u == 0 { 0.5f32.sqrt() } else { 1.0 };
        norm * ((2 * x + 1) as f32 * u as f32 * std::f32::consts::PI / 16.0).cos() / 2.0
    };
    std::array::from_fn(|y| {
        std::array::from_fn(|x| {
            let row = |v: usize| -> f32 { (0..8).map(|u| frequencies[v][u] * wave(x, u)).sum() };
            (0..8).map(|v| row(v) * wave(y, v)).sum()
        })
    })
}
