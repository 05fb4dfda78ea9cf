//! Bytes that end where a watch says stop, for decoders that know no watch.

use std::io::{self, Read};

use raster::Watch;
use zune_core::bytestream::{ZByteIoError, ZByteReaderTrait, ZCursor, ZSeekFrom};

/// Reads from one question to the next. A scan header alone takes a few; between two, little is decoded.
const INTERVAL: u32 = 16;

/// A source in memory. After a stop every read fails.
pub(super) struct Watched<'a> {
    bytes: ZCursor<&'a [u8]>,
    watch: &'a dyn Watch,
    /// Reads until the watch is asked.
    left: u32,
    stopped: bool,
}

impl<'a> Watched<'a> {
    pub(super) fn new(bytes: &'a [u8], watch: &'a dyn Watch) -> Self {
        Self {
            bytes: ZCursor::new(bytes),
            watch,
            left: 0,
            stopped: false,
        }
    }

    fn ask(&mut self) -> io::Result<()> {
        if self.left == 0 {
            self.left = INTERVAL;
            self.stopped |= self.watch.check().is_err();
        }
        self.left -= 1;
        if self.stopped {
            // It stays at 0: every read from now on comes here.
            self.left = 0;
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.ask()?;
        self.bytes
            .read_bytes(buffer)
            .map_err(|_| io::ErrorKind::UnexpectedEof.into())
    }
}

impl ZByteReaderTrait for Watched<'_> {
    #[inline(always)]
    fn read_byte_no_error(&mut self) -> u8 {
        match self.ask() {
            Ok(()) => self.bytes.read_byte_no_error(),
            Err(_) => 0,
        }
    }

    #[inline(always)]
    fn read_exact_bytes(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        self.ask()?;
        self.bytes.read_exact_bytes(buffer)
    }

    fn read_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        self.ask()?;
        self.bytes.read_bytes(buffer)
    }

    fn peek_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        self.bytes.peek_bytes(buffer)
    }

    fn peek_exact_bytes(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        self.bytes.peek_exact_bytes(buffer)
    }

    fn z_seek(&mut self, from: ZSeekFrom) -> Result<u64, ZByteIoError> {
        self.ask()?;
        self.bytes.z_seek(from)
    }

    fn is_eof(&mut self) -> Result<bool, ZByteIoError> {
        Ok(self.stopped || self.bytes.is_eof()?)
    }

    fn z_position(&mut self) -> Result<u64, ZByteIoError> {
        self.bytes.z_position()
    }

    fn read_remaining(&mut self, sink: &mut Vec<u8>) -> Result<usize, ZByteIoError> {
        self.bytes.read_remaining(sink)
    }
}
