module github.com/detonaut/detonaut

go 1.26.3

require github.com/detonaut/detonaut/chamber v0.0.0

replace github.com/detonaut/detonaut/chamber => ./chamber
