//! The tables of DHT and DQT segments.

use crate::error::{Error, malformed};
use crate::huffman::Specification;

/// Class (0 DC, 1 AC), slot and table of each Huffman table in a DHT segment (T.81, B.2.4.2).
pub(crate) fn read_huffman(mut payload: &[u8]) -> Result<Vec<(u8, u8, Specification)>, Error> {
    let mut tables = Vec::new();
    while let Some((&[head, ref counts @ ..], rest)) = payload.split_first_chunk::<17>() {
        let (class, slot) = (head >> 4, head & 15);
        if class > 1 || slot > 3 {
            return malformed(format!("Huffman table of class {class} in slot {slot}"));
        }
        let counts: [u8; 16] = *counts;
        let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
        let Some((symbols, after)) = rest.split_at_checked(total).filter(|_| total <= 256) else {
            return malformed(format!(
                "a Huffman table of {total} codes, with {} symbols",
                rest.len()
            ));
        };
        // Kraft's sum, in codes of 16 bits.
        let taken: u32 = (1..)
            .zip(&counts)
            .map(|(len, &count)| u32::from(count) << (16 - len))
            .sum();
        if taken > 1 << 16 {
            return malformed("a Huffman table with more codes than there can be");
        }
        if class == 0 && symbols.iter().any(|&symbol| symbol > 15) {
            return malformed("a DC Huffman table with a size above 15 bits");
        }
        let symbols = symbols.to_vec();
        tables.push((class, slot, Specification { counts, symbols }));
        payload = after;
    }
    if payload.is_empty() {
        Ok(tables)
    } else {
        malformed(format!(
            "{} bytes left over in a DHT segment",
            payload.len()
        ))
    }
}

/// Slot and table, in zigzag order, of each quantization table in a DQT segment (T.81, B.2.4.1).
pub(crate) fn read_quantization(mut payload: &[u8]) -> Result<Vec<(u8, [u16; 64])>, Error> {
    let mut tables = Vec::new();
    while let Some((&head, rest)) = payload.split_first() {
        let (precision, slot) = (head >> 4, head & 15);
        let len = 64 << precision.min(1);
        if precision > 1 || slot > 3 || rest.len() < len {
            return malformed(format!(
                "a quantization table of precision {precision} in slot {slot}, with {} bytes of {len}",
                rest.len()
            ));
        }
        let (values, after) = rest.split_at(len);
        let mut table = [0; 64];
        for (k, entry) in table.iter_mut().enumerate() {
            *entry = match precision {
                0 => u16::from(values[k]),
                _ => u16::from_be_bytes([values[2 * k], values[2 * k + 1]]),
            };
        }
        tables.push((slot, table));
        payload = after;
    }
    Ok(tables)
}
