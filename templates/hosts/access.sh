# Sets who may come in: firewall and SSH. Follows system.sh, whose words it uses. Nobody is locked out: after 60 s it is
# taken back, unless seal.sh comes by a connection that is new. Arguments: five of system.sh, the firewall's text, its
# chain, what all stacks of a host share, how it is loaded, the unit that does, SSH's settings.
stack=$1; firewall=$6; chain=$7; base=$8; load=$9; unit=${10}; ssh=${11}
folder=/etc/colorway/firewall
drop_in=/etc/ssh/sshd_config.d/00-colorway-$stack.conf
undo=/run/colorway/undo-$stack
mkdir -p /run/colorway

if [ -n "$ssh" ]; then
  grep -Eqi '^[[:space:]]*Include[[:space:]].*sshd_config\.d' /etc/ssh/sshd_config || {
    echo "/etc/ssh/sshd_config has no \`Include /etc/ssh/sshd_config.d/*.conf\`; begin it with that, or write colorway:bootstrap: {ssh: false}" >&2
    exit 1
  }
  { printf '%s' "$ssh"; cat /etc/ssh/sshd_config; } >/run/colorway/sshd_config
  /usr/sbin/sshd -t -f /run/colorway/sshd_config
fi
if [ -n "$firewall" ]; then
  printf '%s' "$base" "$firewall" | nft -c -f -
fi

reload_ssh='if [ -d /run/systemd/system ]; then
  for unit in ssh sshd; do if systemctl --quiet is-active $unit; then systemctl reload $unit; break; fi; done
else kill -HUP "$(cat /run/sshd.pid)"; fi'
take_back='sleep 60
exec 9>>/run/lock/colorway-hosts
flock -w 600 9
[ "$(cat "$1/turn" 2>/dev/null)" = "$2" ] || exit 0
rm -f "$3" "$4"
tar -C / -xf "$1/saved.tar"
/etc/colorway/firewall/load
eval "$5"
rm -r "$1"'
# What an earlier run left without a seal is not what one goes back to.
if [ ! -d "$undo" ]; then
  mkdir "$undo"
  (cd / && ls -d "${folder#/}/$chain.nft" "${drop_in#/}" 2>/dev/null || :) | tar -C / -cf "$undo/saved.tar" -T -
fi
echo $$ >"$undo/turn"
setsid -f sh -c "$take_back" colorway "$undo" $$ "$folder/$chain.nft" "$drop_in" "$reload_ssh" >/dev/null 2>&1 </dev/null 9>&-

put $folder/base.nft "$base" || :
if put $folder/load "$load"; then chmod 755 $folder/load; fi
if has_systemd && put /etc/systemd/system/colorway-firewall.service "$unit"; then
  systemctl daemon-reload
  systemctl --quiet enable colorway-firewall.service
fi
if put "$folder/$chain.nft" "$firewall"; then echo "firewall: set"; fi
$folder/load
if put "$drop_in" "$ssh"; then
  eval "$reload_ssh"
  echo "SSH: set"
fi
