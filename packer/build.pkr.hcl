# The order in which a machine is baked and proven. A step that fails ends the build, and then no AMI exists: AWS is
# asked for one only after the last provisioner has succeeded.

build {
  sources = [var.host_address == "" ? "source.amazon-ebs.image" : "source.null.host"]

  provisioner "shell-local" {
    script           = "${path.root}/scripts/prepare"
    environment_vars = ["OUTPUT=${local.output}", "TOOLS=${local.tools}", "ROOT=${local.root}", "WHEEL=${var.wheel}"]
  }

  provisioner "shell" {
    script           = "${path.root}/scripts/settled"
    environment_vars = ["WAIT=${local.disposable}"]
  }

  # The packages and the kernel.
  provisioner "ansible" {
    playbook_file    = "${local.root}/ansible/image.yml"
    command          = "${local.tools}/ansible-playbook"
    user             = build.User
    use_proxy        = false # the proxy hangs with OpenSSH 9 (packer-plugin-ansible #100, #204)
    extra_arguments  = ["--tags=first", "--extra-vars=${local.ansible_variables}"]
    ansible_env_vars = local.ansible_environment
  }

  # A driver is built for the kernel that runs. No reboot inside Ansible, which loses its connection under Packer
  # (packer-plugin-ansible #93).
  provisioner "shell" {
    script            = "${path.root}/scripts/reboot"
    environment_vars  = ["REBOOTS=${local.reboots}"]
    expect_disconnect = true
  }

  provisioner "shell" {
    script              = "${path.root}/scripts/rebooted"
    pause_before        = var.reboot_pause
    start_retry_timeout = "10m"
    max_retries         = 5
  }

  # Driver, CUDA, Python, model, warm-up, service, security, and the record of them all.
  provisioner "ansible" {
    playbook_file    = "${local.root}/ansible/image.yml"
    command          = "${local.tools}/ansible-playbook"
    user             = build.User
    use_proxy        = false
    extra_arguments  = ["--tags=main", "--extra-vars=${local.ansible_variables}"]
    ansible_env_vars = local.ansible_environment
  }

  # What is checked is a machine that has come up by itself.
  provisioner "shell" {
    script            = "${path.root}/scripts/reboot"
    environment_vars  = ["REBOOTS=${local.reboots}"]
    expect_disconnect = true
  }

  provisioner "shell" {
    script              = "${path.root}/scripts/rebooted"
    pause_before        = var.reboot_pause
    start_retry_timeout = "10m"
    max_retries         = 5
  }

  # All the checks. Packer gives a script of this computer no environment but by the words of a shell: the key stands in the
  # list of processes for the moment until `exec` has put the script in the shell's place, and with PACKER_LOG=1 in Packer's
  # own log. Then it is in the environment, which prove empties of it. The text of an `inline` would be written to a file too.
  provisioner "shell-local" {
    script          = "${path.root}/scripts/prove"
    execute_command = ["/bin/sh", "-c", "{{.Vars}} exec {{.Script}} checks"]
    environment_vars = [
      "OUTPUT=${local.output}", "TOOLS=${local.tools}", "ROOT=${local.root}", "RUN=${build.PackerRunUUID}",
      "HOST=${build.Host}", "PORT=${build.Port}", "LOGIN=${build.User}",
      "KEY=${build.SSHPrivateKey}", "KEY_FILE=${var.host_private_key_file}",
    ]
  }

  # Wipe what must not be in an image; does nothing on a host that stays its owner's.
  provisioner "ansible" {
    playbook_file    = "${local.root}/ansible/image.yml"
    command          = "${local.tools}/ansible-playbook"
    user             = build.User
    use_proxy        = false
    extra_arguments  = ["--tags=last", "--extra-vars=${local.ansible_variables}"]
    ansible_env_vars = local.ansible_environment
  }

  # Nobody can log in any more: what is left is checked over the connection that the checks opened.
  provisioner "shell-local" {
    script          = "${path.root}/scripts/prove"
    execute_command = ["/bin/sh", "-c", "{{.Vars}} exec {{.Script}} ${local.disposable ? "sealed" : "close"}"]
    environment_vars = [
      "OUTPUT=${local.output}", "TOOLS=${local.tools}", "ROOT=${local.root}", "RUN=${build.PackerRunUUID}",
      "HOST=${build.Host}", "PORT=${build.Port}", "LOGIN=${build.User}",
    ]
  }

  # What a person wants to read when a step has failed, while the machine still stands.
  error-cleanup-provisioner "shell" {
    inline = [
      "echo 'stage: failure'",
      "sudo journalctl --boot --priority=warning --no-pager --lines=200 || true",
      "for log in /var/lib/dkms/nvidia/*/build/make.log; do if [ -e \"$log\" ]; then echo \"== $log\"; sudo tail -n 200 \"$log\"; fi; done",
    ]
  }

  post-processors {
    post-processor "manifest" {
      output     = "${local.output}/manifest.json"
      strip_path = true
      custom_data = {
        name         = local.name
        git_sha      = var.git_sha
        deprecate_at = local.deprecate_at
      }
    }

    # What the machine said of itself, and how many checks it passed, is known only now: into the manifest and the tags.
    post-processor "shell-local" {
      inline = ["echo 'stage: manifest'", "'${local.tools}/python' '${local.root}/packer/scripts/record.py' '${local.output}'"]
    }
  }
}
