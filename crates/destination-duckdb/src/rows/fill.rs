//! Arrow arrays into DuckDB's vectors. Numbers are copied; texts are handed over as pointers into the array.

#![expect(unsafe_code, reason = "DuckDB's vectors are raw memory")]

use std::ffi::c_char;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, BooleanArray, ListArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use duckdb::core::DataChunkHandle;
use duckdb::ffi::{
    duckdb_data_chunk_get_vector, duckdb_list_entry, duckdb_list_vector_get_child, duckdb_list_vector_get_size,
    duckdb_list_vector_reserve, duckdb_list_vector_set_size, duckdb_string_t, duckdb_string_t__bindgen_ty_1 as Value,
    duckdb_string_t__bindgen_ty_1__bindgen_ty_1 as Pointer, duckdb_string_t__bindgen_ty_1__bindgen_ty_2 as Inlined,
    duckdb_struct_vector_get_child, duckdb_validity_set_row_invalid, duckdb_vector,
    duckdb_vector_ensure_validity_writable, duckdb_vector_get_data, duckdb_vector_get_validity,
};

/// The rows of a chunk, as DuckDB is built everywhere (`STANDARD_VECTOR_SIZE`).
pub(super) const VECTOR_ROWS: usize = 2048;

/// Texts up to this length lie in the vector itself.
const INLINED: usize = 12;

/// Writes the rows of `batch` into the chunk's vectors, from row `at` on.
///
/// # Safety
/// The chunk's columns are of the types of the batch's, and it has room for its rows behind `at`. What the batch holds
/// must live for as long as the chunk is read.
pub(super) unsafe fn fill(chunk: &DataChunkHandle, batch: &RecordBatch, at: usize) {
    for (place, array) in (0_u64..).zip(batch.columns()) {
        // SAFETY: the caller's.
        unsafe { put(duckdb_data_chunk_get_vector(chunk.get_ptr(), place), array, at) };
    }
}

/// Writes an array into a vector of the same type, from row `at` on.
unsafe fn put(vector: duckdb_vector, array: &dyn Array, at: usize) {
    // SAFETY: the types agree, and there is room behind `at`; the caller's.
    unsafe {
        nulls(vector, array.nulls(), at);
        match array.data_type() {
            DataType::Boolean => booleans(vector, array.as_boolean(), at),
            DataType::Int64 => numbers::<Int64Type>(vector, array, at),
            DataType::Float64 => numbers::<Float64Type>(vector, array, at),
            DataType::Timestamp(..) => numbers::<TimestampMicrosecondType>(vector, array, at),
            DataType::Date32 => numbers::<Date32Type>(vector, array, at),
            DataType::Decimal128(precision, _) => decimals(vector, *precision, array, at),
            DataType::Utf8 => texts(vector, array.as_string(), at),
            DataType::Struct(_) => objects(vector, array.as_struct(), at),
            DataType::List(_) => lists(vector, array.as_list(), at),
            other => unreachable!("no column travels as {other}: see `arrow_type`"),
        }
    }
}

unsafe fn nulls(vector: duckdb_vector, nulls: Option<&NullBuffer>, at: usize) {
    let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else { return };
    // SAFETY: the mask is as long as the vector, in which the rows fit.
    unsafe {
        duckdb_vector_ensure_validity_writable(vector);
        let mask = duckdb_vector_get_validity(vector);
        for row in (0..nulls.len()).filter(|&row| nulls.is_null(row)) {
            duckdb_validity_set_row_invalid(mask, (at + row) as u64);
        }
    }
}

/// The vector's values of type `T`, from row `at` on.
unsafe fn values<T>(vector: duckdb_vector, at: usize) -> *mut T {
    // SAFETY: the vector holds values of that type and has room behind `at`; the caller's.
    unsafe { duckdb_vector_get_data(vector).cast::<T>().add(at) }
}

unsafe fn numbers<T: ArrowPrimitiveType>(vector: duckdb_vector, array: &dyn Array, at: usize) {
    let from = array.as_primitive::<T>().values();
    // SAFETY: both hold plain values of that type; DuckDB counts moments and days from 1970 as Arrow does.
    unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), values::<T::Native>(vector, at), from.len()) };
}

unsafe fn booleans(vector: duckdb_vector, array: &BooleanArray, at: usize) {
    for (row, value) in array.values().iter().enumerate() {
        // SAFETY: there is room.
        unsafe { values::<bool>(vector, at).add(row).write(value) };
    }
}

/// Decimals are stored as the smallest integers that hold their digits.
#[expect(clippy::cast_possible_truncation, reason = "a value has no more digits than its precision")]
unsafe fn decimals(vector: duckdb_vector, precision: u8, array: &dyn Array, at: usize) {
    for (row, &value) in array.as_primitive::<Decimal128Type>().values().iter().enumerate() {
        // SAFETY: there is room, and the precision tells the size.
        unsafe {
            match precision {
                0..=4 => values::<i16>(vector, at).add(row).write(value as i16),
                5..=9 => values::<i32>(vector, at).add(row).write(value as i32),
                10..=18 => values::<i64>(vector, at).add(row).write(value as i64),
                _ => values::<i128>(vector, at).add(row).write(value),
            }
        }
    }
}

unsafe fn texts(vector: duckdb_vector, array: &StringArray, at: usize) {
    let bytes = array.values().as_slice();
    for (row, place) in array.offsets().windows(2).enumerate() {
        let text = &bytes[place[0].cast_unsigned() as usize..place[1].cast_unsigned() as usize];
        // SAFETY: there is room; the array outlives what is read from the vector.
        unsafe { values::<duckdb_string_t>(vector, at).add(row).write(string(text)) };
    }
}

/// A text as DuckDB has it: a short one by itself, with zeros behind it; a long one by its first bytes and its place.
fn string(text: &[u8]) -> duckdb_string_t {
    #[expect(clippy::cast_possible_truncation, reason = "Arrow's offsets are below 2^31")]
    let length = text.len() as u32;
    let value = if text.len() <= INLINED {
        let mut inlined = [0; INLINED];
        inlined[..text.len()].copy_from_slice(text);
        Value { inlined: Inlined { length, inlined: inlined.map(character) } }
    } else {
        let prefix = std::array::from_fn(|at| character(text[at]));
        Value { pointer: Pointer { length, prefix, ptr: text.as_ptr().cast_mut().cast() } }
    };
    duckdb_string_t { value }
}

/// C's characters have a sign on some machines.
fn character(byte: u8) -> c_char {
    c_char::from_ne_bytes([byte])
}

unsafe fn objects(vector: duckdb_vector, array: &StructArray, at: usize) {
    for (place, field) in (0_u64..).zip(array.columns()) {
        // SAFETY: the struct has the same fields. Where it is null, so are they: the builders pad them with nulls.
        unsafe { put(duckdb_struct_vector_get_child(vector, place), field, at) };
    }
}

unsafe fn lists(vector: duckdb_vector, array: &ListArray, at: usize) {
    let offsets = array.offsets();
    let (first, last) = (offsets[0].cast_unsigned() as usize, offsets[array.len()].cast_unsigned() as usize);
    // SAFETY: the child vector gets room for the elements before they are written behind those that are there.
    unsafe {
        let there = usize::try_from(duckdb_list_vector_get_size(vector)).expect("a vector fits in memory");
        let size = (there + last - first) as u64;
        duckdb_list_vector_reserve(vector, size);
        duckdb_list_vector_set_size(vector, size);
        for (row, place) in offsets.windows(2).enumerate() {
            let (start, end) = (place[0].cast_unsigned() as usize, place[1].cast_unsigned() as usize);
            let entry = duckdb_list_entry { offset: (there + start - first) as u64, length: (end - start) as u64 };
            values::<duckdb_list_entry>(vector, at).add(row).write(entry);
        }
        put(duckdb_list_vector_get_child(vector), &array.values().slice(first, last - first), there);
    }
}
