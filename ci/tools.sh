# Tools that the checks need beside Rust, each from a lock file. Sourced by ci/check, ci/site and ci/foreign, from the top of
# the workspace. What is installed goes into target/ci-tools, and is installed anew when its lock file changes.
# shellcheck shell=bash

tools=${tools:-target/ci-tools}

# Installs what ci/npm/NAME/package-lock.json says, without running any script of a package.
npm_tools() {
  local folder=$tools/npm/$1
  if ! cmp -s "ci/npm/$1/package-lock.json" "$folder/installed.json"; then
    mkdir -p "$folder"
    cp "ci/npm/$1/package.json" "ci/npm/$1/package-lock.json" "$folder"
    npm ci --silent --no-audit --no-fund --ignore-scripts --prefix "$folder"
    cp "$folder/package-lock.json" "$folder/installed.json"
  fi
}

# Installs the packages of a file into the virtual environment FOLDER; each must have the hash that the file says.
python_tools() {
  local folder=$1 requirements=$2
  if ! cmp -s "$requirements" "$folder/installed.txt"; then
    python3 -m venv --clear "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement "$requirements"
    cp "$requirements" "$folder/installed.txt"
  fi
}

redocly() {
  npm_tools redocly
  REDOCLY_TELEMETRY=off "$tools/npm/redocly/node_modules/.bin/redocly" lint --config openapi/redocly.yaml "$@"
}

spec_validator() {
  python_tools "$tools/python" ci/python/spec-validator.txt
  "$tools/python/bin/openapi-spec-validator" "$@"
}

shellcheck() {
  python_tools "$tools/lint" ci/python/lint.txt
  "$tools/lint/bin/shellcheck" "$@"
}

zizmor() {
  python_tools "$tools/lint" ci/python/lint.txt
  "$tools/lint/bin/zizmor" "$@"
}

# Runs a tool from crates.io: its name, its version, then its arguments. Built from its lock file, since a prebuilt binary would
# be one more thing to trust; and without optimisation, which takes a third of the time while the checks take seconds.
cargo_tool() {
  local name=$1 version=$2 folder=$tools/$1
  shift 2
  if [ ! -x "$folder/$version/bin/$name" ]; then
    cargo install "$name" --version "$version" --locked --debug --quiet --root "$folder/$version" --target-dir "$folder/build"
    rm -rf "$folder/build"
  fi
  "$folder/$version/bin/$name" "$@"
}
