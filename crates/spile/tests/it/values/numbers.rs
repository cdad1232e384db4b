//! Numbers are never rounded.

use super::{load, load_as};

#[test]
fn integers_of_64_bits_are_integers() {
    let loaded = load(&[r#"[{"v": 9223372036854775807}, {"v": -9223372036854775808}, {"v": 0}, {"v": -0}]"#]);
    assert_eq!(loaded.type_of("v"), "BIGINT");
    assert_eq!(loaded.rows("v")[..3], ["9223372036854775807", "-9223372036854775808", "0"]);
    assert_eq!(loaded.rejects(), [] as [&str; 0]);
}

#[test]
fn larger_integers_and_long_fractions_are_decimals_with_every_digit() {
    let cases = [
        ("18446744073709551615", "18446744073709551615"),
        ("9223372036854775808", "9223372036854775808"),
        ("-9223372036854775809", "-9223372036854775809"),
        ("10000000000000000999", "10000000000000000999"),
        ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ("-12345678901234567890.123456789012345678", "-12345678901234567890.123456789012345678"),
        ("1.000000000000000005", "1.000000000000000005"),
        // DuckDB writes no zero before the point where the type has no room for one.
        ("0.1234567890123456789", ".1234567890123456789"),
    ];
    let records: Vec<String> =
        cases.iter().enumerate().map(|(at, (number, _))| format!("{{\"v{at}\": {number}}}")).collect();
    let loaded = load(&[&format!("[{}]", records.join(","))]);
    for (at, (number, kept)) in cases.iter().enumerate() {
        let kind = loaded.type_of(&format!("v{at}"));
        assert!(kind.starts_with("DECIMAL("), "{number} became {kind}");
        assert_eq!(loaded.query(&format!("SELECT v{at} FROM records WHERE v{at} IS NOT NULL")), [*kept], "{number}");
    }
    assert_eq!(loaded.rejects(), [] as [&str; 0]);
}

/// No type of the database holds these: they stay the text that they came as, in a JSON column.
#[test]
fn numbers_beyond_every_type_keep_their_text() {
    let cases = [
        "123456789012345678901234567890123456789",
        "1E-999",
        "-1e400",
        "123e-10000000",
        "0.4e00669999999999999999999999999999999999999999999999999999999999999999",
    ];
    let records: Vec<String> =
        cases.iter().enumerate().map(|(at, number)| format!("{{\"v{at}\": {number}}}")).collect();
    let loaded = load(&[&format!("[{}]", records.join(","))]);
    for (at, number) in cases.iter().enumerate() {
        assert_eq!(loaded.type_of(&format!("v{at}")), "JSON", "{number}");
        assert_eq!(loaded.query(&format!("SELECT v{at} FROM records WHERE v{at} IS NOT NULL")), [*number]);
        assert_eq!(loaded.query(&format!("SELECT count(*) FROM records WHERE json_valid(v{at})")), ["1"], "{number}");
    }
}

#[test]
fn doubles_are_doubles_and_minus_zero_keeps_its_sign() {
    let loaded = load(&[
        r#"[{"v": 0.1}, {"v": -0.0}, {"v": 1e308}, {"v": 5e-324}, {"v": 1E6}, {"v": 2.2250738585072014e-308}, {"v": 43.695343890000004}]"#,
    ]);
    assert_eq!(loaded.type_of("v"), "DOUBLE");
    let back: Vec<u64> = loaded.rows("v").iter().map(|text| text.parse::<f64>().unwrap().to_bits()).collect();
    let sent = [0.1, -0.0, 1e308, 5e-324, 1e6, 2.225_073_858_507_201_4e-308, 43.695_343_890_000_004];
    assert_eq!(back, sent.map(f64::to_bits));
    assert_eq!(loaded.rejects(), [] as [&str; 0]);
}

/// A double cannot hold 2^53 + 1: such a column does not pretend.
#[test]
fn large_integers_beside_fractions_are_not_rounded() {
    let loaded = load(&[r#"[{"v": 9007199254740993}, {"v": 0.5}, {"v": 18446744073709551615}]"#]);
    assert_eq!(loaded.rows("v::VARCHAR::DECIMAL(38,10)").len(), 3);
    let back = loaded.rows("v");
    let plain: Vec<&str> = back.iter().map(|text| text.trim_end_matches('0').trim_end_matches('.')).collect();
    assert_eq!(plain, ["9007199254740993", "0.5", "18446744073709551615"]);
}

#[test]
fn a_number_that_a_declared_type_would_round_is_rejected() {
    let loaded = load_as(
        ", columns: { v: float, w: int, x: \"decimal(5,2)\" }",
        &[
            r#"[{"v": 0.5, "w": 1, "x": 1.5}, {"v": 9007199254740993}, {"w": 18446744073709551615}, {"w": 1.5}, {"x": 1.555}, {"x": 123456}, {"v": 2, "w": 2, "x": 2}]"#,
        ],
    );
    assert_eq!(loaded.rows("v, w, x"), ["0.5|1|1.50", "2.0|2|2.00"]);
    assert_eq!(loaded.rejects().len(), 5, "{:?}", loaded.rejects());
}
