//! How busy a picture is at each pixel: where it is, errors hide. It looks at one row and its neighbors.

use raster::Frame;

/// Measures row after row.
pub(crate) struct Texture {
    /// Luma of the rows above, at and below the current one; a row's place is its number modulo 3.
    luma: [Vec<u8>; 3],
    /// The rows that `luma` holds, from the first to the last.
    held: std::ops::Range<usize>,
    busy: Vec<u8>,
}

impl Texture {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            luma: std::array::from_fn(|_| vec![0; width]),
            held: 0..0,
            busy: vec![0; width],
        }
    }

    /// Forgets the picture it looked at.
    pub(crate) fn begin(&mut self) {
        self.held = 0..0;
    }

    /// How busy row `y` is; rows must be asked for in order.
    pub(crate) fn row(&mut self, frame: &Frame, y: usize) -> &[u8] {
        let height = frame.size().height as usize;
        let (first, last) = (y.saturating_sub(1), (y + 1).min(height - 1));
        if self.held.end < first || self.held.is_empty() {
            self.held = first..first;
        }
        let channels = frame.layout().channels();
        let row_bytes = self.busy.len() * channels;
        while self.held.end <= last {
            let bytes = &frame.pixels()[self.held.end * row_bytes..][..row_bytes];
            let luma = &mut self.luma[self.held.end % 3];
            if channels == 3 {
                weigh::<3>(bytes, luma);
            } else {
                weigh::<4>(bytes, luma);
            }
            self.held.end += 1;
        }
        let [above, here, below] = [first, y, last].map(|row| &self.luma[row % 3][..]);
        measure(above, here, below, &mut self.busy);
        &self.busy
    }
}

fn weigh<const CHANNELS: usize>(row: &[u8], luma: &mut [u8]) {
    for (luma, pixel) in luma.iter_mut().zip(row.as_chunks::<CHANNELS>().0) {
        *luma = ((pixel[0] as u16 + 2 * pixel[1] as u16 + pixel[2] as u16) >> 2) as u8;
    }
}

fn measure(above: &[u8], here: &[u8], below: &[u8], busy: &mut [u8]) {
    let width = here.len();
    let (above, below, busy) = (&above[..width], &below[..width], &mut busy[..width]);
    for x in 1..width.max(2) - 1 {
        let across = here[x]
            .abs_diff(here[x - 1])
            .min(here[x].abs_diff(here[x + 1]));
        let along = here[x].abs_diff(above[x]).min(here[x].abs_diff(below[x]));
        busy[x] = across.saturating_add(along);
    }
    for x in [0, width - 1] {
        busy[x] = above[x].abs_diff(below[x]);
    }
}
