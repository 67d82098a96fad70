#!/usr/bin/env bash
# Odoo 19 from Debian's own package (suite sid), unpacked into the folder $1 and never
# installed into this system; its libraries go into a venv of their own.
# Exits 3 where the package cannot be had: the suite moves, and it may be gone.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=$1
apt=$home/apt
mkdir -p "$apt"/state/lists/partial "$apt"/cache/archives/partial "$apt"/get "$home/src"
lacking() { echo "$1" >&2; exit 3; }
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || lacking "this is no Debian"
# Wherever this machine gets its packages; the suite is all that changes.
source=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
[ -n "$source" ] || lacking "no package source is set up in debian.sources"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $source sid main" > "$apt/sources.list"
cat > "$apt/apt.conf" <<C
Dir::State "$apt/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
APT::Sandbox::User "root";
Acquire::Languages "none";
C
export APT_CONFIG=$apt/apt.conf
apt-get -qq update || lacking "the suite sid cannot be read"
apt-cache show odoo-19 >/dev/null 2>&1 || lacking "the suite sid has no odoo-19 any more"
(cd "$apt/get" && apt-get -qq download odoo-19) || lacking "odoo-19 cannot be fetched"
deb=$(ls -t "$apt"/get/odoo-19_*.deb | head -1)
# Only what accounting and its API need (the whole package is 1.2 GB); every other add-on
# keeps its manifest, as the base data names modules by it.
odoo=./usr/lib/python3/dist-packages/odoo
addons="account analytic api_doc auth_signup base base_setup base_vat bus digest html_editor
 http_routing iap mail onboarding portal product resource rpc uom web web_tour
 account_debit_note l10n_us l10n_us_account"
core="__main__.py _monkeypatches api cli exceptions.py fields http.py import_xml.rng init.py
 loglevels.py models modules netsvc.py orm osv release.py service sql_db.py tests tools
 upgrade upgrade_code"
wanted=(./usr/bin/odoo)
for name in $addons; do wanted+=("$odoo/addons/$name"); done
for name in $core; do wanted+=("$odoo/$name"); done
dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$home/src" --wildcards \
    --exclude='*/i18n/*.po' "${wanted[@]}" "$odoo/addons/*/__manifest__.py"
rm -rf "$apt"
"${PYTHON:-python3}" -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
touch "$home/.installed"
