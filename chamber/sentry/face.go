package sentry

import (
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/errors/linuxerr"
	"gvisor.dev/gvisor/pkg/hostarch"
)

// faceHooks are the calls that ask for the machine.
func faceHooks() map[string]hook {
	return map[string]hook{"uname": uname, "sysinfo": sysinfo, "syslog": syslog}
}

// uname shows the release and the version in struct new_utsname, six fields of 65
// bytes.
func uname(c *call) {
	c.run()
	for i, s := range []string{2: c.tr.face.Release, 3: c.tr.face.Version} {
		if s == "" || c.err != nil {
			continue
		}
		field := make([]byte, linux.UTSLen+1)
		copy(field[:linux.UTSLen], s)
		_, c.err = c.t.CopyOutBytes(c.addr(0)+hostarch.Addr(i*len(field)), field)
	}
}

// sysinfo shows the memory of the machine in struct sysinfo.
func sysinfo(c *call) {
	c.run()
	face := &c.tr.face
	if c.err != nil || face.Memory == 0 {
		return
	}
	var si linux.Sysinfo
	if _, c.err = si.CopyIn(c.t, c.addr(0)); c.err != nil {
		return
	}
	si.FreeRAM = face.Free(si.TotalRAM - min(si.FreeRAM, si.TotalRAM))
	si.TotalRAM, si.BufferRAM = face.RAM(), face.Buffers()
	_, c.err = si.CopyOut(c.t, c.addr(0))
}

// syslog gives the log of the machine's kernel instead of gVisor's, which jokes.
func syslog(c *call) {
	const (
		readAll    = 3
		sizeBuffer = 10
		bufferSize = 1 << 18
	)
	switch log := c.tr.face.Log(); {
	case log == "":
		c.run()
	case c.int(0) == sizeBuffer:
		c.ret = bufferSize
	case c.int(0) != readAll:
		c.err = linuxerr.EPERM // what else there is takes CAP_SYSLOG
	case c.int(2) < 0:
		c.err = linuxerr.EINVAL
	default:
		n := min(int(c.int(2)), len(log))
		n, c.err = c.t.CopyOutBytes(c.addr(1), []byte(log[len(log)-n:]))
		c.ret = uintptr(n)
	}
	c.emitCall(nil)
}
