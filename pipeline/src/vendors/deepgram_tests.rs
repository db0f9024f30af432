use super::*;

#[test]
fn settings_do_not_show_the_key() {
    let settings = DeepgramSettings { api_key: Some("dg-secret".into()), ..DeepgramSettings::default() };
    assert!(!format!("{settings:?}").contains("dg-secret"));
    let headers = settings.headers();
    assert_eq!(headers.len(), 1);
    assert_eq!((headers[0].0, headers[0].1.expose_secret()), ("authorization", "Token dg-secret"));
    assert!(DeepgramSettings::default().headers().is_empty());
}

#[test]
fn an_address_that_cannot_be_dialled_is_named_without_what_may_be_a_key() {
    let bad = |url: &str| DeepgramSettings { url: url.to_owned(), ..DeepgramSettings::default() }.base().unwrap_err();
    assert_eq!(
        bad("api.deepgram.com").to_string(),
        r#"DEEPGRAM_URL is "api.deepgram.com", but must be an address such as wss://api.deepgram.com"#
    );
    assert!(!bad("wss://me:key@host").to_string().contains("key"));
    assert!(!bad("wss://host?token=key").to_string().contains("key"));
}

#[test]
fn close_codes_say_whether_another_try_is_worth_it() {
    let closed = |code| closed(code, "DEEPGRAM_STT_MODEL");
    for code in [None, Some(1000), Some(1006), Some(1011), Some(1012)] {
        assert!(closed(code).is_retryable(), "{code:?}");
    }
    assert!(matches!(closed(Some(1000)), VendorError::Disconnected { .. }));
    assert!(matches!(closed(Some(1008)), VendorError::Refused { status: 1008, setting: "DEEPGRAM_STT_MODEL", .. }));
    assert_eq!(closed(Some(1011)).to_string(), "deepgram failed: closed with code 1011");
}

#[test]
fn of_a_failure_only_its_code_passes_on() {
    let failed = |message: &str| failure(message, "DEEPGRAM_STT_MODEL");
    let schema =
        r#"{"type":"Error","variant":"SchemaError","description":"Johnson","message":"{\"type\":\"Johnson\"}"}"#;
    assert_eq!(failed(schema).to_string(), "deepgram failed: SchemaError");
    assert_eq!(failed(r#"{"type":"Error","code":"my name is Johnson"}"#).to_string(), "deepgram failed: error");
    assert_eq!(
        failed(r#"{"type":"Error","code":null,"err_code":"NET-0000"}"#).to_string(),
        "deepgram failed: NET-0000"
    );
    assert!(!failed(r#"{"type":"Error","code":"DATA-0000"}"#).is_retryable());
    assert!(matches!(failed(r#"{"type":"Error","code":{}}"#), VendorError::Malformed { .. }));
}

#[test]
fn only_objects_are_messages() {
    assert_eq!(message_type(r#" {"type":"Resul\u0074s","x":{"type":1}}"#).unwrap(), "Results");
    assert_eq!(message_type(r#"{"type":null}"#).unwrap(), "");
    assert_eq!(message_type("{}").unwrap(), "");
    for message in ["", "null", "7", "\"Results\"", "[\"Results\"]", "{\"type\":\"Results\"", "{\"type\":7}"] {
        assert!(matches!(message_type(message), Err(VendorError::Malformed { .. })), "{message}");
    }
}
