package rule

import "github.com/detonaut/detonaut/chamber/tape"

// sizeOf estimates the bytes of an event.
func sizeOf(e *tape.Event) int {
	n := 192
	switch {
	case e.File != nil:
		n += 128 + len(e.File.Path) + len(e.File.Target)
	case e.Socket != nil:
		n += 128 + len(e.Socket.Address)
		for _, q := range e.Socket.DNS {
			n += 64 + len(q.Name)
		}
	case e.Process != nil:
		n += 256 + sizeOfTexts(e.Process.Args) + sizeOfTexts(e.Process.Env)
	case e.Call != nil:
		n += sizeOfNamed(e.Call.Args)
	case e.Memory != nil:
		n += 64 + len(e.Memory.Path)
	case e.Output != nil:
		n += 64 + len(e.Output.Text)
	case e.Start != nil, e.End != nil:
		n += tape.MaxLine
	default:
		n += sizeOfTraffic(e) + sizeOfPayload(e)
	}
	return n
}

func sizeOfTraffic(e *tape.Event) (n int) {
	switch {
	case e.FlowEnd != nil:
		f := e.FlowEnd
		n = 256 + len(f.Local) + len(f.Remote) + len(f.Name) + len(f.Protocol) + len(f.Head)
	case e.DNS != nil:
		n = 128 + len(e.DNS.Name) + sizeOfTexts(e.DNS.Answers)
	case e.TLS != nil:
		n = 256 + len(e.TLS.SNI) + len(e.TLS.JA4) + len(e.TLS.Certificate) + len(e.TLS.Error) + sizeOfTexts(e.TLS.ALPN)
	case e.HTTP != nil:
		h := e.HTTP
		n = 512 + len(h.Method) + len(h.URL) + len(h.Answer)
		for _, list := range [][]tape.Header{h.Headers, h.ResponseHeaders} {
			for _, x := range list {
				n += 32 + len(x.Name) + len(x.Value)
			}
		}
		for _, b := range []*tape.Body{h.Body, h.ResponseBody} {
			if b != nil {
				n += 128 + len(b.SHA256) + len(b.Text)
			}
		}
	case e.Message != nil:
		n = 64 + len(e.Message.Protocol) + len(e.Message.Verb) + sizeOfNamed(e.Message.Fields)
	case e.Bait != nil:
		n = 128 + len(e.Bait.Name) + len(e.Bait.Path)
	case e.Trust != nil:
		n = 64 + len(e.Trust.Path) + len(e.Trust.Error)
	}
	return n
}

func sizeOfTexts(list []string) (n int) {
	for _, s := range list {
		n += 16 + len(s)
	}
	return n
}

func sizeOfNamed(m map[string]string) (n int) {
	for k, v := range m {
		n += 64 + len(k) + len(v)
	}
	return n
}
