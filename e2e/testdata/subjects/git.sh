history() {
	rm -rf /tmp/work /tmp/copy && git init -q -b main /tmp/work && cd /tmp/work
	git config user.name Tester && git config user.email tester@example.com
	for i in $(seq "$1"); do echo "line $i" >>notes && git add notes && git commit -q -m "note $i"; done
	git checkout -q -b topic HEAD~1 && echo topic >topic && git add topic && git commit -q -m topic
	git checkout -q main && git merge -q topic -m merge && git gc -q
	git clone -q /tmp/work /tmp/copy && git -C /tmp/copy log --stat >/dev/null
}
start() { history 5; }
tool=yes
ready() { true; }
load() { wait "$server"; history 60; }
