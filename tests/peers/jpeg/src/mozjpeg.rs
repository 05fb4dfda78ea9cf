//! mozjpeg through its C interface: its transcoder with scan search, and its reader of coefficients.
//!
//! Sources are files that libjpeg-turbo took: an error in C ends the process, which is well for a measurement.

use std::mem;
use std::os::raw::{c_int, c_uchar, c_ulong};

use mozjpeg_sys::{
    J_BOOLEAN_PARAM, jpeg_c_set_bool_param, jpeg_compress_struct, jpeg_copy_critical_parameters,
    jpeg_create_compress, jpeg_create_decompress, jpeg_decompress_struct, jpeg_destroy_compress,
    jpeg_destroy_decompress, jpeg_error_mgr, jpeg_finish_compress, jpeg_mem_dest, jpeg_mem_src,
    jpeg_read_coefficients, jpeg_read_header, jpeg_save_markers, jpeg_simple_progression,
    jpeg_std_error, jpeg_write_coefficients, jpeg_write_marker,
};

const COM: c_int = 0xFE;

// SAFETY of all below: the structures are zeroed as in C, live in boxes that do not move, and are used in the order
// that the library documents.

unsafe fn errors() -> Box<jpeg_error_mgr> {
    unsafe {
        let mut errors: Box<jpeg_error_mgr> = Box::new(mem::zeroed());
        jpeg_std_error(&mut errors);
        errors
    }
}

unsafe fn open(source: &[u8], errors: &mut jpeg_error_mgr) -> Box<jpeg_decompress_struct> {
    unsafe {
        let mut reader: Box<jpeg_decompress_struct> = Box::new(mem::zeroed());
        reader.common.err = errors;
        jpeg_create_decompress(&mut *reader);
        jpeg_mem_src(&mut reader, source.as_ptr(), source.len() as c_ulong);
        jpeg_save_markers(&mut reader, COM, 0xFFFF);
        for marker in 0xE0..0xF0 {
            jpeg_save_markers(&mut reader, marker, 0xFFFF);
        }
        jpeg_read_header(&mut reader, 1);
        reader
    }
}

/// What its `jpegtran` does by default: all candidate scans are encoded, and the best are kept.
pub(crate) fn transcode(source: &[u8]) -> Vec<u8> {
    unsafe {
        let (mut reader_errors, mut writer_errors) = (errors(), errors());
        let mut reader = open(source, &mut reader_errors);
        let coefficients = jpeg_read_coefficients(&mut reader);
        let mut writer: Box<jpeg_compress_struct> = Box::new(mem::zeroed());
        writer.common.err = &mut *writer_errors;
        jpeg_create_compress(&mut *writer);
        jpeg_copy_critical_parameters(&reader, &mut writer);
        jpeg_c_set_bool_param(&mut writer, J_BOOLEAN_PARAM::JBOOLEAN_OPTIMIZE_SCANS, 1);
        jpeg_simple_progression(&mut writer);
        let mut bytes: *mut c_uchar = std::ptr::null_mut();
        let mut len: c_ulong = 0;
        jpeg_mem_dest(&mut writer, &mut bytes, &mut len);
        jpeg_write_coefficients(&mut writer, coefficients);
        let mut marker = reader.marker_list;
        while !marker.is_null() {
            let payload = std::slice::from_raw_parts((*marker).data, (*marker).data_length as usize);
            let code = c_int::from((*marker).marker);
            let written = (code == 0xE0 && payload.starts_with(b"JFIF\0"))
                || (code == 0xEE && payload.starts_with(b"Adobe"));
            if !written {
                jpeg_write_marker(&mut writer, code, payload.as_ptr(), payload.len() as u32);
            }
            marker = (*marker).next;
        }
        jpeg_finish_compress(&mut writer);
        let made = std::slice::from_raw_parts(bytes, len as usize).to_vec();
        libc::free(bytes.cast());
        jpeg_destroy_compress(&mut writer);
        jpeg_destroy_decompress(&mut reader);
        made
    }
}

/// A hash (FNV-1a) of sampling factors, quantization tables and the coefficients of all blocks of the picture.
pub(crate) fn coefficients(source: &[u8]) -> u64 {
    unsafe {
        let mut errors = errors();
        let mut reader = open(source, &mut errors);
        let arrays = jpeg_read_coefficients(&mut reader);
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut eat = |value: u64| hash = (hash ^ value).wrapping_mul(0x0100_0000_01b3);
        eat(u64::from(reader.image_width) << 32 | u64::from(reader.image_height));
        for index in 0..reader.num_components as usize {
            let component = &*reader.comp_info.add(index);
            if reader.num_components > 1 {
                eat((component.h_samp_factor * 16 + component.v_samp_factor) as u64);
            }
            (*component.quant_table).quantval.iter().for_each(|&value| eat(u64::from(value)));
            let access = (*reader.common.mem).access_virt_barray.expect("the library set it");
            for row in 0..component.height_in_blocks {
                let rows = access(&mut reader.common, *arrays.add(index), row, 1, 0);
                for block in 0..component.width_in_blocks as usize {
                    (*(*rows).add(block)).iter().for_each(|&value| eat(value as u16 as u64));
                }
            }
        }
        jpeg_destroy_decompress(&mut reader);
        hash
    }
}
