//! The table, walked: every operation with every code that it can answer, and what stands above what.

use proptest::prelude::*;

use super::*;
use crate::observation::Operation::{CreateToken, CreateTokenWithIam, RegisterClient, StartDeviceAuthorization};
use crate::observation::{DEVICE_CODE_GRANT, Operation};

fn cause(symptoms: Symptoms<'_>) -> Cause {
    classify(symptoms).cause
}

fn coded(operation: Operation, code: &str, status: Option<u16>) -> Cause {
    cause(Symptoms { operation: Some(operation), code: Some(code), status, ..Default::default() })
}

/// The exceptions of the API model, without their suffix.
fn modelled(operation: Operation) -> Vec<&'static str> {
    const CREATE_TOKEN: [&str; 11] = [
        "InvalidRequest",
        "InvalidClient",
        "InvalidGrant",
        "UnauthorizedClient",
        "UnsupportedGrantType",
        "InvalidScope",
        "AuthorizationPending",
        "SlowDown",
        "AccessDenied",
        "ExpiredToken",
        "InternalServer",
    ];
    match operation {
        RegisterClient => vec![
            "InvalidRequest",
            "InvalidScope",
            "InvalidClientMetadata",
            "InternalServer",
            "InvalidRedirectUri",
            "UnsupportedGrantType",
            "SlowDown",
        ],
        StartDeviceAuthorization => {
            vec!["InvalidRequest", "InvalidClient", "UnauthorizedClient", "SlowDown", "InternalServer"]
        }
        CreateToken => CREATE_TOKEN.to_vec(),
        CreateTokenWithIam => [CREATE_TOKEN.as_slice(), &["InvalidRequestRegion"]].concat(),
    }
}

fn modelled_status(name: &str) -> u16 {
    match name {
        "InvalidClient" => 401,
        "InternalServer" => 500,
        _ => 400,
    }
}

fn modelled_cause(name: &str) -> Cause {
    match name {
        "AuthorizationPending" => Cause::Expected,
        "SlowDown" => Cause::Throttled,
        "InternalServer" => Cause::Service,
        _ => Cause::Request,
    }
}

#[test]
fn every_modelled_code_has_its_cause_at_its_status() {
    for operation in Operation::ALL {
        for name in modelled(operation) {
            let status = Some(modelled_status(name));
            let code = format!("{name}Exception");
            assert_eq!(coded(operation, &code, status), modelled_cause(name), "{operation} {code} {status:?}");
            assert_eq!(coded(operation, &code.to_uppercase(), status), modelled_cause(name), "{operation} {code}");
            assert_eq!(coded(operation, name, status), modelled_cause(name), "{operation} {name} {status:?}");
        }
    }
}

#[test]
fn every_modelled_code_has_its_cause_without_a_status() {
    for operation in Operation::ALL {
        for name in modelled(operation) {
            let signed = operation == CreateTokenWithIam && ["AccessDenied", "ExpiredToken"].contains(&name);
            let wanted = if signed { Cause::Admin } else { modelled_cause(name) };
            assert_eq!(coded(operation, &format!("{name}Exception"), None), wanted, "{operation} {name}Exception");
        }
    }
}

#[test]
fn every_code_of_every_operation_is_advised_in_words_of_its_own() {
    for operation in Operation::ALL {
        for name in modelled(operation) {
            let code = format!("{name}Exception");
            let symptoms = Symptoms { operation: Some(operation), code: Some(&code), ..Default::default() };
            assert!(decide(&symptoms).source != Source::StatusAlone, "{operation} {code}");
        }
    }
}

#[test]
fn the_codes_outside_the_model_have_their_cause() {
    use Cause::{Admin, Request, Service, Throttled, Unrecognised};
    let table = [
        ("InternalFailure", Some(500), Service),
        ("InternalFailure", None, Service),
        ("InternalError", None, Service),
        ("ServiceUnavailable", Some(503), Service),
        ("ServiceUnavailableException", None, Service),
        ("ThrottlingException", Some(400), Throttled),
        ("ThrottlingException", None, Throttled),
        ("RequestTimeoutException", Some(408), Service),
        ("RequestTimeout", None, Service),
        ("AccessDeniedException", Some(403), Admin),
        ("ExpiredTokenException", Some(403), Admin),
        ("IncompleteSignature", Some(400), Admin),
        ("InvalidSignatureException", Some(403), Admin),
        ("MissingAuthenticationToken", Some(403), Admin),
        ("NotAuthorized", Some(401), Admin),
        ("OptInRequired", Some(403), Admin),
        ("UnrecognizedClientException", Some(403), Admin),
        ("ValidationError", Some(400), Request),
        ("ValidationException", None, Request),
        ("InvalidParameterValue", Some(400), Request),
        ("InvalidParameterCombinationException", None, Request),
        ("MissingParameter", None, Request),
        ("MalformedHttpRequestException", Some(400), Request),
        ("RequestEntityTooLarge", Some(413), Request),
        ("UnknownOperationException", Some(404), Request),
        ("RequestAborted", Some(400), Unrecognised),
        ("RequestAborted", None, Unrecognised),
        ("RequestAborted", Some(500), Service),
    ];
    for (code, status, wanted) in table {
        for operation in Operation::ALL {
            assert_eq!(coded(operation, code, status), wanted, "{operation} {code} {status:?}");
        }
    }
}

#[test]
fn every_throttling_code_of_the_sdks_is_throttling_at_any_status() {
    let codes = [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottledException",
        "RequestThrottled",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "SlowDown",
        "PriorRequestNotComplete",
        "EC2ThrottledException",
        "SlowDownException",
        "slow_down",
    ];
    for code in codes {
        for status in [None, Some(400), Some(429), Some(500), Some(503)] {
            for operation in Operation::ALL {
                assert_eq!(coded(operation, code, status), Cause::Throttled, "{operation} {code} {status:?}");
            }
            assert_eq!(cause(Symptoms { code: Some(code), status, ..Default::default() }), Cause::Throttled, "{code}");
        }
    }
}

#[test]
fn denied_and_expired_mean_iam_at_403_and_oauth_at_400() {
    for name in ["AccessDenied", "ExpiredToken"] {
        for suffix in ["", "Exception"] {
            let code = format!("{name}{suffix}");
            for operation in Operation::ALL {
                assert_eq!(coded(operation, &code, Some(403)), Cause::Admin, "{operation} {code}");
                assert_eq!(coded(operation, &code, Some(400)), Cause::Request, "{operation} {code}");
            }
            assert_eq!(coded(CreateTokenWithIam, &code, None), Cause::Admin, "{code}");
            let bare = if suffix.is_empty() { Cause::Admin } else { Cause::Request };
            assert_eq!(coded(CreateToken, &code, None), bare, "{code}");
            assert_eq!(cause(Symptoms { code: Some(&code), ..Default::default() }), bare, "{code}");
        }
    }
    assert_eq!(coded(CreateToken, "access_denied", None), Cause::Request);
    assert_eq!(coded(CreateToken, "expired_token", None), Cause::Request);
}

#[test]
fn slow_down_while_polling_is_not_a_failure() {
    let polling = |grant_type| {
        cause(Symptoms {
            operation: Some(CreateToken),
            code: Some("SlowDownException"),
            status: Some(400),
            grant_type,
            ..Default::default()
        })
    };
    assert_eq!(polling(Some(DEVICE_CODE_GRANT)), Cause::Expected);
    assert_eq!(polling(Some("device_code")), Cause::Expected);
    assert_eq!(polling(Some("refresh_token")), Cause::Throttled);
    assert_eq!(polling(None), Cause::Throttled);
}

fn internal(inner_code: Option<&str>, message: Option<&str>) -> Class {
    classify(Symptoms {
        operation: Some(CreateToken),
        code: Some("InternalServerException"),
        inner_code,
        status: Some(500),
        message,
        ..Default::default()
    })
}

#[test]
fn the_first_disguise_is_throttling() {
    for (inner, message) in [
        (Some("ThrottlingException"), None),
        (Some("SlowDownException"), None),
        (Some("Throttling"), None),
        (None, Some("ThrottlingException: slow down")),
        (None, Some("Rate exceeded")),
        (None, Some("the account's REQUEST LIMIT EXCEEDED for now")),
    ] {
        let class = internal(inner, message);
        assert_eq!((class.cause, class.retry), (Cause::Throttled, Retry::Throttled), "{inner:?} {message:?}");
    }
}

#[test]
fn the_second_disguise_is_invalid_input() {
    for (inner, message) in [
        (Some("InvalidParameterException"), None),
        (Some("InvalidParameterValue"), None),
        (Some("ValidationException"), None),
        (None, Some("Invalid parameter value: grantTypes")),
        (None, Some("caused by InvalidParameterValueException")),
    ] {
        let class = internal(inner, message);
        assert_eq!((class.cause, class.retry), (Cause::Request, Retry::Never), "{inner:?} {message:?}");
    }
}

#[test]
fn the_third_is_no_disguise_the_service_failed() {
    for (inner, message) in [
        (None, None),
        (None, Some("")),
        (None, Some("UnknownError")),
        (Some("InternalServerException"), None),
        (Some("server_error"), Some("server_error")),
    ] {
        let class = internal(inner, message);
        assert_eq!((class.cause, class.retry), (Cause::Service, Retry::Transient), "{inner:?} {message:?}");
    }
}

#[test]
fn a_500_without_a_code_has_the_same_disguises() {
    let bare = |message| cause(Symptoms { code: Some("500"), message: Some(message), ..Default::default() });
    assert_eq!(bare("Rate exceeded"), Cause::Throttled);
    assert_eq!(bare("Invalid parameter value"), Cause::Request);
    assert_eq!(bare("oh"), Cause::Service);
}

#[test]
fn a_kms_reason_is_the_administrators_whatever_the_code() {
    let kms = [
        "KMS_AccessDeniedException",
        "KMS_DisabledException",
        "KMS_InvalidKeyUsageException",
        "KMS_InvalidStateException",
        "KMS_NotFoundException",
        "KMSInvalidStateException",
    ];
    for name in kms {
        for code in ["AccessDeniedException", "InvalidRequestException", "InternalServerException", "Foo"] {
            let reason = classify(Symptoms { code: Some(code), reason: Some(name), ..Default::default() });
            assert_eq!(reason.cause, Cause::Admin, "{code} {name}");
            assert!(reason.advice.contains(name), "{}", reason.advice);
            let message = format!("failed: {name} (x)");
            let symptoms = Symptoms { code: Some(code), message: Some(&message), ..Default::default() };
            assert_eq!(cause(symptoms), Cause::Admin, "{code} {message}");
        }
    }
}

#[test]
fn a_keys_refusal_is_known_by_its_name() {
    let refusal = |symptoms: Symptoms<'_>| classify(symptoms).key_refusal.map(String::from);
    let denied = Symptoms { code: Some("AccessDeniedException"), status: Some(403), ..Default::default() };
    let of_message = |message| refusal(Symptoms { message: Some(message), ..denied });
    let denied_by_policy = "User: arn:aws:sts::111122223333:assumed-role/app is not authorized to perform: kms:Decrypt on \
                            resource: arn:aws:kms:eu-central-1:111122223333:key/1";
    for (message, wanted) in [
        (denied_by_policy, Some("kms:Decrypt")),
        ("Access denied (reason: KMS_AccessDeniedException)", Some("KMS_AccessDeniedException")),
        ("com.amazonaws.kms#KMSDisabledException: it is disabled", Some("KMSDisabledException")),
        // The name of a setting, a key's address, a fault of KMS itself: none of them is a key that refuses.
        ("KMS_KEY_ARN is not set", None),
        ("missing environment variable KMS_KEY_ID", None),
        ("see arn:aws:kms:eu-central-1:111122223333:key/1", None),
        ("KMSInternalException", None),
        ("KMSThrottlingException", None),
        ("User is not authorized to perform: sso-oauth:CreateTokenWithIAM", None),
        ("", None),
    ] {
        assert_eq!(of_message(message).as_deref(), wanted, "{message}");
    }
    let with_reason = |reason| Symptoms { reason: Some(reason), ..denied };
    assert_eq!(refusal(with_reason("KMS_DisabledException")).as_deref(), Some("KMS_DisabledException"));
    assert_eq!(refusal(with_reason("KMS_KEY_ARN")), None);
    let wrapped = Symptoms { inner_code: Some("KMSInvalidStateException"), ..denied };
    assert_eq!(refusal(wrapped).as_deref(), Some("KMSInvalidStateException"));
    // The field `reason` comes before the text.
    let both = Symptoms { message: Some(denied_by_policy), ..with_reason("KMS_DisabledException") };
    assert_eq!(refusal(both).as_deref(), Some("KMS_DisabledException"));
}

#[test]
fn where_another_row_decides_no_key_has_refused() {
    for code in ["AuthorizationPendingException", "authorization_pending"] {
        let pending = Symptoms { code: Some(code), reason: Some("KMS_DisabledException"), ..Default::default() };
        let class = classify(pending);
        assert_eq!((class.cause, class.key_refusal), (Cause::Expected, None), "{code}");
    }
}

#[test]
fn codes_of_no_answer_are_unreachable() {
    for code in [
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ConnectionClosedError",
        "SSLError",
        "TimeoutError",
        "ECONNREFUSED",
        "ECONNRESET",
        "ENOTFOUND",
        "ETIMEDOUT",
        "EAI_AGAIN",
        "UnknownHostException",
        "SdkClientException",
        "ApiCallTimeoutException",
        "RequestError",
        "SELF_SIGNED_CERT_IN_CHAIN",
        "CERT_HAS_EXPIRED",
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        "ERR_TLS_CERT_ALTNAME_INVALID",
        "UND_ERR_CONNECT_TIMEOUT",
        "NameNotResolved",
        "HtmlPage",
    ] {
        let class = classify(Symptoms { code: Some(code), ..Default::default() });
        assert_eq!((class.cause, class.retry), (Cause::Unreachable, Retry::Transient), "{code}");
    }
    assert_eq!(cause(Symptoms { no_answer: true, ..Default::default() }), Cause::Unreachable);
    assert_eq!(cause(Symptoms { no_answer: true, code: Some("Foo"), ..Default::default() }), Cause::Unreachable);
}

#[test]
fn without_a_code_the_status_speaks() {
    use Cause::{Admin, Request, Service, Throttled, Unrecognised};
    for (status, wanted) in [
        (429, Throttled),
        (408, Service),
        (500, Service),
        (502, Service),
        (503, Service),
        (504, Service),
        (599, Service),
        (400, Request),
        (401, Request),
        (403, Admin),
        (404, Request),
        (407, Request),
        (499, Request),
        (200, Unrecognised),
        (302, Unrecognised),
        (600, Unrecognised),
    ] {
        let text = status.to_string();
        assert_eq!(cause(Symptoms { status: Some(status), ..Default::default() }), wanted, "{status}");
        assert_eq!(cause(Symptoms { code: Some(&text), ..Default::default() }), wanted, "{text} as the code");
        assert_eq!(cause(Symptoms { code: Some(""), status: Some(status), ..Default::default() }), wanted, "{status}");
    }
    assert_eq!(cause(Symptoms::default()), Unrecognised);
}

#[test]
fn an_unknown_code_goes_by_a_status_that_speaks() {
    assert_eq!(coded(CreateToken, "FooException", Some(503)), Cause::Service);
    assert_eq!(coded(CreateToken, "FooException", Some(429)), Cause::Throttled);
    assert_eq!(coded(CreateToken, "FooException", Some(400)), Cause::Unrecognised);
    assert_eq!(coded(CreateToken, "FooException", None), Cause::Unrecognised);
}

#[test]
fn the_code_wins_over_the_status() {
    assert_eq!(coded(CreateToken, "InvalidGrantException", Some(500)), Cause::Request);
    assert_eq!(coded(CreateToken, "InvalidGrantException", Some(429)), Cause::Request);
    assert_eq!(coded(CreateToken, "InternalServerException", Some(400)), Cause::Service);
    assert_eq!(coded(CreateToken, "AuthorizationPendingException", Some(500)), Cause::Expected);
    assert_eq!(coded(CreateToken, "ThrottlingException", Some(503)), Cause::Throttled);
}

#[test]
fn the_words_of_oauth_mean_their_exceptions() {
    use Cause::{Expected, Request, Service, Throttled};
    for (code, wanted) in [
        ("authorization_pending", Expected),
        ("slow_down", Throttled),
        ("invalid_grant", Request),
        ("invalid_client", Request),
        ("invalid_request", Request),
        ("invalid_scope", Request),
        ("unauthorized_client", Request),
        ("unsupported_grant_type", Request),
        ("invalid_client_metadata", Request),
        ("invalid_redirect_uri", Request),
        ("server_error", Service),
    ] {
        assert_eq!(coded(CreateToken, code, None), wanted, "{code}");
        assert!(knows(code), "{code}");
    }
    let symptoms = Symptoms {
        code: Some("InvalidGrantException"),
        inner_code: Some("server_error"),
        message: Some("server_error"),
        ..Default::default()
    };
    assert_eq!(cause(symptoms), Request);
}

#[test]
fn the_base_class_of_an_sdk_goes_by_its_inner_code() {
    let wrapped = |inner_code, status| {
        cause(Symptoms { code: Some("AWSSSOOIDCException"), inner_code, status, ..Default::default() })
    };
    assert_eq!(wrapped(Some("ThrottlingException"), Some(400)), Cause::Throttled);
    assert_eq!(wrapped(Some("InvalidGrantException"), Some(400)), Cause::Request);
    assert_eq!(wrapped(Some("BarException"), Some(400)), Cause::Unrecognised);
    assert_eq!(wrapped(None, Some(500)), Cause::Service);
}

#[test]
fn an_inner_code_is_named_in_the_advice_and_cannot_break_out_of_its_line() {
    assert!(internal(Some("ThrottlingException"), None).advice.ends_with("Inner code: ThrottlingException."));
    assert!(internal(None, Some("Rate exceeded")).advice.ends_with("It names Rate exceeded."));
    let forged = format!("Foo\nSubject: forged\u{202e}{}", "x".repeat(5_000));
    let advice = internal(Some(&forged), None).advice;
    assert!(advice.contains("Foo Subject"), "{advice}");
    assert!(!advice.contains('\n') && advice.len() < 600, "{advice}");
}

#[test]
fn advice_names_the_other_region_of_a_client() {
    let region = crate::region::KnownRegions::default().find("eu-west-1").unwrap();
    let id = client_id::invented_client_id(b"0123456789abcdef", &region);
    for code in ["InvalidClientException", "UnauthorizedClientException", "InvalidGrantException"] {
        let advice = |called| {
            let symptoms = Symptoms {
                operation: Some(CreateToken),
                code: Some(code),
                client_id: Some(&id),
                region: called,
                ..Default::default()
            };
            classify(symptoms).advice
        };
        assert!(advice(Some("us-east-1")).contains("registered in eu-west-1, but us-east-1 was called"), "{code}");
        assert!(!advice(Some("eu-west-1")).contains("looks as if"), "{code}");
        assert!(!advice(None).contains("looks as if"), "{code}");
    }
}

#[test]
fn the_retry_follows_from_the_cause() {
    for row in rows() {
        let wanted = match row.cause {
            Cause::Service | Cause::Unreachable => Retry::Transient,
            Cause::Throttled => Retry::Throttled,
            Cause::Expected | Cause::Request | Cause::Admin | Cause::Unrecognised => Retry::Never,
        };
        assert_eq!(row.retry, wanted, "{}", row.codes_text());
    }
}

#[test]
fn no_row_is_hidden_by_one_above_it() {
    // A row is hidden where a row above it names the same code and asks no more than it does.
    for (at, row) in rows().iter().enumerate() {
        let hidden = rows()[..at].iter().find(|above| {
            row.codes.iter().all(|code| above.codes.contains(code) || above.codes.contains(&Code::Any))
                && (above.operations.is_empty() || above.operations == row.operations)
                && (above.grant == Grant::Any || above.grant == row.grant)
                && (above.status == Status::Any || above.status == row.status)
                && (above.answered == Answered::Either || above.answered == row.answered)
                && (above.inside == Inside::Anything || above.inside == row.inside)
        });
        assert!(hidden.is_none(), "row {} ({}) can never fit", at + 1, row.codes_text());
    }
}

#[test]
fn advice_is_short_enough_for_a_notice() {
    for row in rows() {
        assert!((40..=300).contains(&row.advice.len()), "{}: {}", row.codes_text(), row.advice.len());
        assert!(row.advice.ends_with('.') && !row.advice.contains(['|', '\n']), "{}", row.advice);
    }
}

fn some_text() -> impl Strategy<Value = Option<String>> {
    let names: Vec<String> = rows()
        .iter()
        .flat_map(|row| row.codes)
        .filter_map(|code| match *code {
            Code::Named(name) | Code::Exact(name) | Code::Prefix(name) => Some(name.to_owned()),
            Code::Absent | Code::Any => None,
        })
        .collect();
    let of_keys =
        ["KMS_DisabledException", "KMSInvalidStateException", "kms:Decrypt", "KMS_KEY_ARN"].map(str::to_owned);
    prop::option::of(prop_oneof![
        any::<String>(),
        prop::sample::select(of_keys.to_vec()),
        prop::sample::select(names.clone()),
        (prop::sample::select(names), any::<String>()).prop_map(|(name, rest)| format!("{rest}{name}{rest}")),
    ])
}

proptest! {
    #[test]
    fn classify_is_total(
        operation in prop::option::of(prop::sample::select(Operation::ALL.to_vec())),
        texts in prop::array::uniform6(some_text()),
        status in any::<Option<u16>>(),
        no_answer in any::<bool>(),
    ) {
        let [code, inner_code, message, reason, grant_type, client_id] = &texts;
        let symptoms = Symptoms {
            operation,
            code: code.as_deref(),
            inner_code: inner_code.as_deref(),
            status,
            message: message.as_deref(),
            reason: reason.as_deref(),
            grant_type: grant_type.as_deref(),
            no_answer,
            client_id: client_id.as_deref(),
            region: Some("us-east-1"),
        };
        let class = classify(symptoms);
        prop_assert_eq!(class.key_refusal.is_some(), decide(&symptoms).inside == Inside::Kms);
        prop_assert!(!class.advice.contains('\n'));
        prop_assert!(class.advice.len() < 700);
    }
}
