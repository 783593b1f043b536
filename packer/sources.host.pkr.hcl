# A machine that one already owns, baked in place over SSH. Nothing is made but the machine itself.

source "null" "host" {
  communicator         = "ssh"
  ssh_host             = var.host_address
  ssh_port             = var.host_port
  ssh_username         = var.host_user
  ssh_private_key_file = var.host_private_key_file
  ssh_agent_auth       = var.host_private_key_file == ""
  ssh_timeout          = "5m"
}
