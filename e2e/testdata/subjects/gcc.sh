build() {
	mkdir -p /tmp/build && cd /tmp/build
	for i in $(seq "$1"); do
		printf '#include <stdio.h>\nint part%d(void) { return printf("%%d\\n", %d); }\n' "$i" "$i" >"part$i.c"
	done
	printf 'objects := $(patsubst %%.c,%%.o,$(wildcard *.c))\nprogram: $(objects)\n\t$(CC) -o $@ $^\nclean:\n\trm -f $(objects) program\n' >Makefile
	{ for i in $(seq "$1"); do echo "int part$i(void);"; done; echo 'int main(void) { return part1() < 0; }'; } >main.c
	make -s -j2 && ./program && make -s clean
}
start() { build 4; }
tool=yes
ready() { true; }
load() { wait "$server"; build 40; }
