use std::env;

use enos_ota::{{{uses}}};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder()
        .base_url(env::var("ENOS_BASE_URL")?)
        .credentials(Credentials::new(env::var("ENOS_APP_KEY")?, env::var("ENOS_APP_SECRET")?)?)
        .org_id(env::var("ENOS_ORG_ID")?)
        .build()?;
{{lines}}    let answer = client.{{call}}({{arguments}}).await?;
    println!("{answer:?}");
    Ok(())
}
