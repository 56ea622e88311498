//! The program on a terminal, which `script` of util-linux makes.

use std::process::Command;

use super::Gateway;

/// The command with these arguments and the settings of a gateway, after `stty` has set the terminal up.
pub fn on_terminal(gateway: &Gateway, stty: &str, args: &[&str]) -> Command {
    let settings = gateway.command::<[&str; 0]>([]);
    let words: Vec<_> = args.iter().map(|word| format!("'{word}'")).collect();
    let command = format!("{stty}; '{}' {}", env!("CARGO_BIN_EXE_enos-ota"), words.join(" "));
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env_clear();
    for (name, value) in settings.get_envs() {
        if let Some(value) = value {
            script.env(name, value);
        }
    }
    script.env("PATH", std::env::var_os("PATH").unwrap());
    script
}
