//! What people call the tool behind a user agent.
//!
//! In: a user agent as an SDK, a tool or a browser writes it. Out: a name with its version, and where it runs
//! (`exec-env/`): `my-portal (AWS_Lambda_python3.11)`, `Terraform/1.9.8`, `aws-cli/2.17.0`. Anything without the form
//! of a product may be free text, perhaps a person's name, and is left out.

/// The longest product, and the longest name of where it runs.
const PRODUCT_MAX: usize = 40;
const ENVIRONMENT_MAX: usize = 32;

/// Between a product and where it runs.
const RUNS_IN: &str = " (";

/// The tool of a user agent: the name that its owner gave it (`app/`), else its product with the version.
pub fn tool(user_agent: &str) -> Option<String> {
    let words = words(user_agent);
    let given = |prefix: &str, max: usize| {
        let name = words.iter().find_map(|word| word.strip_prefix(prefix))?;
        (is_plain(name) && name.len() <= max).then_some(name)
    };
    let tool = given("app/", PRODUCT_MAX).map(str::to_owned).or_else(|| product(&words))?;
    Some(match given("exec-env/", ENVIRONMENT_MAX) {
        Some(environment) => format!("{tool}{RUNS_IN}{environment})"),
        None => tool,
    })
}

/// A tool without its version and without where it runs.
pub fn without_version(tool: &str) -> &str {
    let product = tool.split(RUNS_IN).next().unwrap_or(tool);
    product.split('/').next().unwrap_or(product)
}

/// The words of a user agent without its comments, which stand in brackets. CloudTrail puts some in brackets as a whole.
fn words(user_agent: &str) -> Vec<&str> {
    let user_agent = user_agent.trim().trim_start_matches('[').trim_end_matches(']');
    let mut depth = 0_usize;
    let mut words = Vec::new();
    for word in user_agent.split_whitespace() {
        let is_comment = depth > 0 || word.starts_with('(');
        depth = (depth + word.matches('(').count()).saturating_sub(word.matches(')').count());
        if !is_comment {
            words.push(word);
        }
    }
    words
}

/// The product that people know: not the partner's mark before it, and not the SDK that it is made with.
fn product(words: &[&str]) -> Option<String> {
    let first = shown(words.first()?)?;
    // `APN/1.0 HashiCorp/1.0 Terraform/1.9.8`: the mark, the partner, the product.
    let of_partner = words.iter().position(|word| word.starts_with("APN/")).and_then(|at| {
        let [partner, product] = [at + 1, at + 2].map(|place| words.get(place).and_then(|word| shown(word)));
        product.filter(|product| !is_part(product)).or(partner)
    });
    if of_partner.is_some() {
        return of_partner;
    }
    if !is_library(&first) {
        return Some(first);
    }
    let of_tool = words.iter().filter(|word| !is_part(word)).find_map(|word| shown(word));
    Some(of_tool.unwrap_or(first))
}

/// `name/version`, if a word is that.
fn shown(word: &str) -> Option<String> {
    let (name, version) = word.split_once('/')?;
    let version = version.split('#').next().unwrap_or(version);
    // A toolkit's version may have more about itself behind it.
    let room = PRODUCT_MAX.checked_sub(name.len() + 1)?;
    let version = if version.len() > room { version.split('-').next().unwrap_or(version) } else { version };
    (is_plain(name) && is_plain(version) && version.len() <= room).then(|| format!("{name}/{version}"))
}

fn is_plain(text: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+');
    !text.is_empty() && text.bytes().all(in_name)
}

/// What tools are made with, by how its name begins.
const LIBRARIES: [&str; 8] =
    ["aws-sdk-", "boto3", "botocore", "aiobotocore", "awscrt", "mozilla", "applewebkit", "gecko"];

/// What an SDK says about itself and the machine, and a toolkit about what installed it.
const PARTS: [&str; 43] = [
    "ua",
    "os",
    "lang",
    "md",
    "api",
    "cfg",
    "m",
    "ft",
    "hll",
    "exec-env",
    "app",
    "exe",
    "prompt",
    "command",
    "config",
    "internal",
    "io",
    "http",
    "vendor",
    "retry-mode",
    "clientid",
    "python",
    "java",
    "kotlin",
    "scala",
    "ruby",
    "php",
    "node",
    "nodejs",
    "rust",
    "go",
    "gcc",
    "clang",
    "linux",
    "darwin",
    "macos",
    "windows",
    "win32",
    "guzzlehttp",
    "curl",
    "resource",
    "s3",
    "apn",
];

/// The same with more behind it: `OpenJDK_64-Bit_Server_VM`, `.NET_Core`.
const PARTS_BEGIN: [&str; 4] = ["openjdk", "java_hotspot", "corretto", ".net"];

fn begins_with(word: &str, prefix: &str) -> bool {
    word.as_bytes().get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix.as_bytes()))
}

fn is_library(word: &str) -> bool {
    LIBRARIES.iter().any(|library| begins_with(word, library))
}

/// Whether a word names no tool.
fn is_part(word: &str) -> bool {
    let name = word.split('/').next().unwrap_or(word);
    is_library(word)
        || PARTS.iter().any(|part| part.eq_ignore_ascii_case(name))
        || PARTS_BEGIN.iter().any(|part| begins_with(name, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_called_what_people_call_it() {
        for (user_agent, name) in [
            // The CLI and the SDKs, as they are today and as they were.
            (
                "aws-cli/2.17.0 md/awscrt#0.19.19 ua/2.0 os/macos#23.4.0 md/arch#arm64 lang/python#3.11.8 \
                 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off md/command#sso.login",
                "aws-cli/2.17.0",
            ),
            ("aws-cli/2.9.0 Python/3.9.11 Linux/5.10 exe/x86_64.amzn.2 prompt/off command/sso.login", "aws-cli/2.9.0"),
            (
                "Boto3/1.34 md/Botocore#1.34 ua/2.0 os/linux#5 md/arch#x86_64 lang/python#3.11 md/pyimpl#CPython \
                 exec-env/AWS_Lambda_python3.11 cfg/retry-mode#legacy app/my-portal",
                "my-portal (AWS_Lambda_python3.11)",
            ),
            (
                "Boto3/1.34 md/Botocore#1.34 ua/2.0 os/linux#5 exec-env/AWS_ECS_FARGATE cfg/retry-mode#legacy",
                "Boto3/1.34 (AWS_ECS_FARGATE)",
            ),
            ("Boto3/1.20.1 Python/3.9.2 Linux/5.10 Botocore/1.23.1", "Boto3/1.20.1"),
            (
                "aws-sdk-go-v2/1.36.3 ua/2.1 os/linux lang/go#1.26.4 md/GOOS#linux md/GOARCH#arm64 api/ssooidc#1.30.1 m/E,g",
                "aws-sdk-go-v2/1.36.3",
            ),
            (
                "aws-sdk-go-v2/1.17.6 os/macos lang/go/1.19.1 md/GOOS/darwin md/GOARCH/arm64 api/ssooidc/1.13.3 m/E",
                "aws-sdk-go-v2/1.17.6",
            ),
            (
                "aws-sdk-js/3.511.0 ua/2.0 os/linux#5.10 lang/js md/nodejs#18.19.0 api/sso-oidc#3.511.0 app/login-page",
                "login-page",
            ),
            ("aws-sdk-nodejs/2.1384.0 darwin/v18.18.2 promise", "aws-sdk-nodejs/2.1384.0"),
            (
                "aws-sdk-java/2.29.0 md/io#sync md/http#Apache ua/2.1 os/Linux#5.10 lang/java#17.0.9 \
                 md/OpenJDK_64-Bit_Server_VM#17 md/vendor#Amazon.com_Inc. exec-env/AWS_Lambda_java17 m/D,N",
                "aws-sdk-java/2.29.0 (AWS_Lambda_java17)",
            ),
            (
                "aws-sdk-java/2.20.0 Linux/5.10 OpenJDK_64-Bit_Server_VM/17.0.9 Java/17.0.9 vendor/Amazon.com_Inc. \
                 io/sync http/Apache cfg/retry-mode/legacy",
                "aws-sdk-java/2.20.0",
            ),
            ("aws-sdk-rust/1.3.7 ua/2.1 api/ssooidc/1.50.0 os/linux lang/rust/1.90.0", "aws-sdk-rust/1.3.7"),
            (
                "aws-sdk-dotnet-coreclr/3.7.3 aws-sdk-dotnet-core/3.7.4 .NET_Core/6.0 OS/Linux",
                "aws-sdk-dotnet-coreclr/3.7.3",
            ),
            // Terraform, behind the partner network's mark, which stood last once.
            (
                "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.70.0 \
                 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.31.0 ua/2.1 os/linux",
                "Terraform/1.9.8",
            ),
            ("aws-sdk-go/1.20.4 (go1.12.5; darwin; amd64) APN/1.0 HashiCorp/1.0 Terraform/0.12.2", "Terraform/0.12.2"),
            ("APN/1.0 Pulumi/1.0 PulumiAWS/6.0.0 aws-sdk-go-v2/1.30.0", "PulumiAWS/6.0.0"),
            ("APN/1.0 HashiCorp/1.0 aws-sdk-go-v2/1.30.0", "HashiCorp/1.0"),
            // Toolkits, with and without the SDK before them.
            (
                "AWS-Toolkit-For-VSCode/3.30.0 Visual-Studio-Code/1.95.0 ClientId/11111111-1111-1111-1111-111111111111",
                "AWS-Toolkit-For-VSCode/3.30.0",
            ),
            (
                "aws-sdk-nodejs/2.1384.0 darwin/v18.18.2 AWS-Toolkit-For-VSCode/3.30.0 Visual-Studio-Code/1.95.0",
                "AWS-Toolkit-For-VSCode/3.30.0",
            ),
            (
                "aws-sdk-js/3.693.0 ua/2.1 os/linux#6.5 lang/js md/nodejs#20.18.0 api/sso-oidc#3.693.0 \
                 AWS-Toolkit-For-VSCode/3.148.0-Visual-Studio-Code-1.105.1-ClientId-11111111-1111#3.148.0",
                "AWS-Toolkit-For-VSCode/3.148.0",
            ),
            (
                "AWS-Toolkit-For-JetBrains/3.37-243 IntelliJ-IDEA-Ultimate/2024.3 ClientId/1 aws-sdk-java/2.26.25",
                "AWS-Toolkit-For-JetBrains/3.37-243",
            ),
            // Tools that put their own name behind the SDK's, or before it.
            ("aws-sdk-go-v2/1.36.3 ua/2.1 os/linux lang/go#1.24 acme-login/3.0", "acme-login/3.0"),
            ("aws-sso-cli/2.0.0 aws-sdk-go-v2/1.36.3", "aws-sso-cli/2.0.0"),
            ("granted/0.38.0 aws-sdk-go-v2/1.36.3", "granted/0.38.0"),
            ("aws-sdk-go-v2/1.36.3 os/linux lang/go#1.24 api/ssooidc#1.30.1 app/steampipe", "steampipe"),
            // An application in a browser's clothes, and a browser.
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Leapp/0.26.1 \
                 Chrome/114.0.5735.289 Electron/25.8.4 Safari/537.36",
                "Leapp/0.26.1",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", "Firefox/120.0"),
            ("[aws-cli/2.17.0 md/command#sso.login]", "aws-cli/2.17.0"),
        ] {
            assert_eq!(tool(user_agent).as_deref(), Some(name), "{user_agent}");
        }
    }

    #[test]
    fn what_has_not_the_form_of_a_product_is_left_out() {
        for user_agent in [
            "",
            " ",
            "[]",
            "(comment)",
            "sso.amazonaws.com",
            "ana@example.com/1.0 aws-cli/2.31.0",
            "evil/<b>",
            "/",
            "tool/",
            "/1.0",
            "tool/1.0(ana)",
            "a-name-that-is-far-longer-than-any-tool-has/1.0.0",
            "app/ana@example.com",
        ] {
            assert_eq!(tool(user_agent), None, "{user_agent}");
        }
        assert_eq!(tool("aws-cli/2 exec-env/a@b app/a@b").as_deref(), Some("aws-cli/2"));
    }

    #[test]
    fn a_product_is_a_tool_without_version_and_place() {
        for (tool, product) in [
            ("aws-cli/2.17.0", "aws-cli"),
            ("my-portal", "my-portal"),
            ("my-portal (AWS_Lambda_python3.11)", "my-portal"),
            ("Boto3/1.34 (AWS_ECS_FARGATE)", "Boto3"),
        ] {
            assert_eq!(without_version(tool), product, "{tool}");
        }
    }
}
