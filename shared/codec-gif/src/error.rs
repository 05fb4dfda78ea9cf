//! What can go wrong.

use raster::{Layout, Size, Stopped};

/// Why no GIF was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to show.
    #[error("the animation has no frames")]
    NoFrames,
    /// A side does not fit the 16 bits that the format has for it.
    #[error("canvas is {0} px; a GIF side is at most 65535 px")]
    CanvasTooLarge(Size),
    /// Frames must be laid out on the canvas before they come here.
    #[error("frame {index} is {found} px; the canvas is {canvas} px")]
    FrameSize {
        /// Which frame, from 0.
        index: usize,
        /// Its size.
        found: Size,
        /// The canvas, which is the first frame's size.
        canvas: Size,
    },
    /// Only RGB and RGBA frames are taken.
    #[error("frame {index} has layout {found:?}; Rgb and Rgba are taken")]
    FrameLayout {
        /// Which frame, from 0.
        index: usize,
        /// Its layout.
        found: Layout,
    },
    /// The deadline passed, or nobody waits any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The writer failed.
    #[error("the output could not be written")]
    Output(#[source] std::io::Error),
}
