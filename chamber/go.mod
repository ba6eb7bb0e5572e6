module github.com/detonaut/detonaut/chamber

go 1.26.3

require (
	golang.org/x/net v0.52.0
	golang.org/x/sys v0.43.0
	google.golang.org/protobuf v1.36.11
	gvisor.dev/gvisor v0.0.0-20260905035102-160fafc42237
)
