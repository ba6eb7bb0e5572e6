package machine

// Hardware are the files of /sys/class/dmi/id, with their contents; none where no
// vendor and no product are shown. A real machine lets root alone read some of
// them: see [Private].
func (f *Face) Hardware() map[string]string {
	if f.Vendor == "" && f.Product == "" {
		return nil
	}
	serial := f.name("machine")
	files := map[string]string{
		"sys_vendor": f.Vendor, "product_name": f.Product, "product_version": "", "product_family": "", "product_sku": "",
		"board_vendor": f.Vendor, "board_name": "", "board_version": "", "board_asset_tag": "i-0" + serial[:16],
		"chassis_vendor": f.Vendor, "chassis_type": "1", "chassis_version": "", "chassis_asset_tag": f.Vendor,
		"bios_vendor": f.Vendor, "bios_version": "1.0", "bios_date": "10/16/2017", "bios_release": "1.0",
		"product_serial": uuid(serial), "product_uuid": uuid(serial), "board_serial": "", "chassis_serial": "",
		"modalias": "dmi:bvn" + letters(f.Vendor) + ":bvr1.0:bd10/16/2017:br1.0:svn" + letters(f.Vendor) + ":pn" + letters(f.Product) +
			":pvr:rvn" + letters(f.Vendor) + ":rn:rvr:cvn" + letters(f.Vendor) + ":ct1:cvr:sku:",
		"uevent": "MODALIAS=dmi",
	}
	for name := range files {
		files[name] += "\n"
	}
	return files
}

// Private tells whether root alone may read a file of Hardware.
func Private(name string) bool {
	switch name {
	case "product_serial", "product_uuid", "board_serial", "chassis_serial":
		return true
	}
	return false
}

// letters are those of s that a modalias has.
func letters(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		if c := s[i]; c > ' ' && c <= '~' && c != ':' {
			out = append(out, c)
		}
	}
	return string(out)
}

// uuid writes 32 hex digits as the UUID of a machine on EC2.
func uuid(hex string) string {
	return "ec2" + hex[3:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:32]
}

// Cards are the network cards that /sys/class/net shows, each with its files.
func (f *Face) Cards() map[string]map[string]string {
	card := func(address, broadcast, mtu, index, kind, flags, state string) map[string]string {
		return map[string]string{
			"address": address + "\n", "broadcast": broadcast + "\n", "addr_len": "6\n", "mtu": mtu + "\n", "ifindex": index + "\n", "iflink": index + "\n",
			"type": kind + "\n", "flags": flags + "\n", "operstate": state + "\n", "carrier": "1\n", "dormant": "0\n", "tx_queue_len": "1000\n",
			"addr_assign_type": "0\n", "dev_id": "0x0\n", "dev_port": "0\n", "link_mode": "0\n", "name_assign_type": "\n", "netdev_group": "0\n",
		}
	}
	if f.Blank() {
		return nil
	}
	cards := map[string]map[string]string{"lo": card("00:00:00:00:00:00", "00:00:00:00:00:00", "65536", "1", "772", "0x9", "unknown")}
	if f.Card && f.MAC != "" {
		cards["eth0"] = card(f.MAC, "ff:ff:ff:ff:ff:ff", "1500", "2", "1", "0x1003", "up")
		cards["eth0"]["speed"], cards["eth0"]["duplex"] = "10000\n", "full\n"
	}
	return cards
}
